"""
Kinds of output as Twisted plugins.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.plugin import IPlugin
from twisted.python.reflect import namedAny
from zope.interface import implementer

from logrecv.descriptions import Description
from logrecv.interfaces import IOutputParser


@implementer(IPlugin, IOutputParser)
@frozen(eq=False)
class LazyOutputParser:
    """
    A kind of output whose code is imported only when an output of that kind is
    made, so that the plugin file costs other programs nothing::

        syslog = LazyOutputParser("syslog", "example.syslog.parseSyslog")

    @ivar kind: The kind.
    @ivar function: The full name of a function that takes the arguments of
        L{IOutputParser.parse} and returns a sink.
    """

    kind: str
    function: str

    def parse(self, description: Description, context: Any) -> Any:
        return namedAny(self.function)(description, context)
