"""
The plugins of logrecv: the service for C{twistd} and C{twist}, and the kinds of
endpoint and output.
"""

import gc
from typing import Any

from twisted.application.service import ServiceMaker

from logrecv import hangup
from logrecv.inputs.mtls import MutualTLSParser
from logrecv.outputs.plugin import LazyOutputParser


class _ReceiverMaker(ServiceMaker):
    """
    Makes the service.  A runner imports this module for any service, and asks for the
    options only where the service is wanted.
    """

    @property
    def options(self) -> Any:
        """
        The class of the options.  SIGHUP no longer ends the process from now on.
        """
        hangup.hold()
        # A start leaves no garbage; the service that is ready collects again.
        gc.disable()
        return super().options


receiver = _ReceiverMaker(
    "logrecv",
    "logrecv.tap",
    "Receive the records of Python's network logging handlers.",
    "logrecv",
)

mtls = MutualTLSParser()

stdout = LazyOutputParser("stdout", "logrecv.outputs.stdout.parseStdout")
file = LazyOutputParser("file", "logrecv.outputs.file.parseFile")
forward = LazyOutputParser("forward", "logrecv.outputs.forward.parseForward")
