"""
Payloads of C{SocketHandler} and C{DatagramHandler} to records.

A stock handler of Python 3 always writes the attributes of a record in the same
order and with the same few opcodes.  The fast path reads just these, from the first
byte to the last.  The fast path repairs nothing, resolves nothing and bounds
nothing: a payload that it takes has nothing to repair or to resolve, and the record
is no larger than the payload.  C{pickle} reads the same from such a payload and runs
nothing, so a forward may send the payload on unchanged.

Wherever a payload differs, the fast path gives up, and the slow path reads the
payload from the beginning: the pickle machine, then L{makeRecord}.
"""

from __future__ import annotations

from struct import error as StructError
from typing import Final

from logrecv.record import Origin, Record
from logrecv.wire.attributes import makeRecord
from logrecv.wire.pickled.machine import loads
from logrecv.wire.pickled.stock import NotStock, StockPayload, writtenKey
from logrecv.wire.timestamps import isoTime

#: An EMPTY_DICT, the first entry of the memo, and a MARK.
_HEAD: Final = b"}q\x00("

# The keys of the attributes.
_NAME: Final = writtenKey("name")
_MSG: Final = writtenKey("msg")
_ARGS: Final = writtenKey("args")
_LEVELNAME: Final = writtenKey("levelname")
_LEVELNO: Final = writtenKey("levelno")
_PATHNAME: Final = writtenKey("pathname")
_FILENAME: Final = writtenKey("filename")
_MODULE: Final = writtenKey("module")
_EXC_INFO: Final = writtenKey("exc_info")
_EXC_TEXT: Final = writtenKey("exc_text")
_STACK_INFO: Final = writtenKey("stack_info")
_LINENO: Final = writtenKey("lineno")
_FUNCNAME: Final = writtenKey("funcName")
_CREATED: Final = writtenKey("created")
_MSECS: Final = writtenKey("msecs")
_RELATIVE: Final = writtenKey("relativeCreated")
_THREAD: Final = writtenKey("thread")
_THREADNAME: Final = writtenKey("threadName")
_PROCESSNAME: Final = writtenKey("processName")
_PROCESS: Final = writtenKey("process")
_TASKNAME: Final = writtenKey("taskName")


class PayloadReader:
    """
    Makes records of the payloads of one batch.

    @ivar others: The number of payloads that took the slow path.
    """

    __slots__ = ("_origin", "_payload", "others")

    def __init__(self, origin: Origin) -> None:
        """
        @param origin: The origin of the payloads.
        """
        self.others: int = 0
        self._origin: Origin = origin
        self._payload: StockPayload = StockPayload()

    def read(self, payload: bytes) -> Record:
        """
        Make a record.

        @param payload: The pickle, without the length before it.
        @return: The record that L{makeRecord} makes of the result of L{loads}.
        @raise WireError: No record can be made of the payload.
        """
        if payload.startswith(_HEAD):
            self._payload.data = payload
            self._payload.position = len(_HEAD)
            try:
                return self._stockRecord(self._payload)
            except (NotStock, LookupError, StructError, UnicodeDecodeError):
                pass
        self.others += 1
        return makeRecord(loads(payload), self._origin, len(payload))

    def _stockRecord(self, payload: StockPayload) -> Record:
        """
        Read the attributes in the order of L{logrecv.schema.ATTRIBUTES}.

        @raise LookupError: The payload ends early.
        """
        name = payload.key(_NAME).commonText(0)
        message = payload.key(_MSG).text()
        payload.key(_ARGS).none()
        levelname = payload.key(_LEVELNAME).commonText(1)
        levelno = payload.key(_LEVELNO).integer()
        pathname = payload.key(_PATHNAME).commonText(2)
        filename = payload.key(_FILENAME).commonText(3)
        module = payload.key(_MODULE).commonText(4)
        payload.key(_EXC_INFO).none()
        exceptionText = payload.key(_EXC_TEXT).textOrNone()
        stackInfo = payload.key(_STACK_INFO).textOrNone()
        lineno = payload.key(_LINENO).integer()
        funcName = payload.key(_FUNCNAME).commonTextOrNone(5)
        created = payload.key(_CREATED).finite()
        msecs = payload.key(_MSECS).finite()
        relativeCreated = payload.key(_RELATIVE).finite()
        thread = payload.key(_THREAD).integerOrNone()
        threadName = payload.key(_THREADNAME).commonTextOrNone(6)
        processName = payload.key(_PROCESSNAME).commonTextOrNone(7)
        process = payload.key(_PROCESS).integerOrNone()
        taskName = None
        # Since Python 3.12.
        if payload.data.startswith(_TASKNAME, payload.position):
            taskName = payload.key(_TASKNAME).commonTextOrNone(8)
        extra = payload.extra()
        payload.end()
        time = isoTime(created)
        if time is None:
            raise NotStock
        # By position, in half the time: the fields in their order.
        return Record(
            time,
            created,
            msecs,
            relativeCreated,
            name,
            levelname,
            levelno,
            message,
            None,  # msg
            None,  # args
            pathname,
            filename,
            module,
            lineno,
            funcName,
            process,
            processName,
            thread,
            threadName,
            taskName,
            exceptionText,
            stackInfo,
            extra,
            self._origin,
        )
