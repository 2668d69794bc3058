"""
The plugins of logrecv: the service for C{twistd} and C{twist}, and the kinds of
endpoint and output.
"""

from twisted.application.service import ServiceMaker

from logrecv.inputs.mtls import MutualTLSParser
from logrecv.outputs.plugin import LazyOutputParser

receiver = ServiceMaker(
    "logrecv",
    "logrecv.tap",
    "Receive the records of Python's network logging handlers.",
    "logrecv",
)

mtls = MutualTLSParser()

stdout = LazyOutputParser("stdout", "logrecv.outputs.stdout.parseStdout")
file = LazyOutputParser("file", "logrecv.outputs.file.parseFile")
forward = LazyOutputParser("forward", "logrecv.outputs.forward.parseForward")
