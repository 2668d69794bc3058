"""
The service's own log, which nothing waits for: a thread writes the lines.

A log that nobody reads, such as a full pipe or a terminal that is held, stops the
thread and nothing else.  Lines wait in a queue then.  Lines for which the queue has no
room are counted, and the log says so when it is read again.
"""

from __future__ import annotations

import os
import select
import sys
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from io import FileIO
from threading import Condition, Thread
from typing import Any, ClassVar, Final, Protocol

from attrs import define, field, frozen
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    textFileLogObserver,
)

#: Bytes of lines that wait at most: some thousand lines.
QUEUE_SIZE: Final = 256 * 1024

#: Seconds that the end of the process waits at most for the reader of the log.
END_TIMEOUT: Final = 1.0

#: Bytes that a line takes in the queue beside its text.
_LINE_SIZE: Final = 64


class ITextFile(Protocol):
    """
    The methods of a text file that a log needs.
    """

    def write(self, text: str, /) -> object:
        """
        Write a text.
        """

    def flush(self) -> object:
        """
        Write the text to the end.
        """


@define(eq=False)
class LogThread:
    """
    Runs functions that write to a log, one after the other, in a thread::

        >>> thread = LogThread()
        >>> log = textFileLogObserver(ThreadedFile(thread, sys.stderr))

    The end of the process does not wait for the thread.  After a fork, the child has a
    thread of its own, and the parent writes the lines that came before.

    @ivar dropped: The number of functions that were not run, or raised an exception.
    """

    _log: ClassVar[Logger] = Logger()

    dropped: int = field(default=0, init=False)
    #: The number of dropped lines that the log tells of.
    _told: int = field(default=0, init=False)
    #: Guards all attributes, and is notified of each change.
    _changed: Condition = field(factory=Condition, init=False)
    #: Functions, each with the size of its line.  The first one is being run.
    _waiting: deque[tuple[Callable[[], object], int]] = field(factory=deque, init=False)
    _size: int = field(default=0, init=False)
    _thread: Thread | None = field(default=None, init=False)
    _process: int = field(factory=os.getpid, init=False)
    #: The time when the end of the process no longer waits; L{None} before the end.
    _deadline: float | None = field(default=None, init=False)

    def put(self, function: Callable[[], object], size: int) -> None:
        """
        Run a function in the thread, if there is room in the queue.

        @param size: The size of the line that the function writes, in bytes.
        """
        if self._process != os.getpid():
            self._forget()
        size += _LINE_SIZE
        with self._changed:
            # An empty queue takes a line of any size.
            if self._waiting and self._size + size > QUEUE_SIZE:
                self.dropped += 1
            else:
                self._waiting.append((function, size))
                self._size += size
            if self._thread is None:
                self._thread = Thread(target=self._work, name="log", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        if self._deadline is not None:
            self._drain(self._deadline)

    def end(self) -> None:
        """
        Wait for the functions from now on, L{END_TIMEOUT} at most, since the process is
        about to end.
        """
        if self._process != os.getpid():
            self._forget()
        if self._deadline is None:
            self._deadline = time.monotonic() + END_TIMEOUT
        self._drain(self._deadline)

    def _drain(self, deadline: float) -> None:
        with self._changed:
            while self._waiting:
                left = deadline - time.monotonic()
                if left <= 0:
                    return
                self._changed.wait(left)

    def _forget(self) -> None:
        """
        Begin anew in a child: the thread, and whoever held the lock, are in the parent.
        """
        self._process = os.getpid()
        self._changed = Condition()
        self._waiting = deque()
        self._size = 0
        self._thread = None

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                function, size = self._waiting[0]
            failed = 0
            try:
                function()
            except Exception:
                failed = 1
            with self._changed:
                self._waiting.popleft()
                self._size -= size
                self.dropped += failed
                dropped = self.dropped
                hasRoom = not failed and self._size <= QUEUE_SIZE // 2
                isNews = hasRoom and dropped > self._told
                if isNews:
                    self._told = dropped
                self._changed.notify_all()
            if isNews:
                self._log.warn(
                    "{dropped} lines of this log were lost so far: nobody read them in "
                    "time, or they could not be written",
                    dropped=dropped,
                )


@frozen(eq=False)
class ThreadedFile:
    """
    A file for an observer of the log: a thread writes to the file behind it.

    @ivar thread: The thread.
    @ivar file: The file behind it.
    """

    thread: LogThread
    file: ITextFile

    def write(self, text: str) -> None:
        """
        Let the thread write a text.
        """
        self.thread.put(partial(self._write, text), len(text))

    def flush(self) -> None:
        """
        Do nothing: the thread flushes.
        """

    def _write(self, text: str) -> None:
        self.file.write(text)
        self.file.flush()


@frozen(eq=False)
class UnbufferedFile:
    """
    A text file without a buffer.  The end of the process would wait for the lock of a
    buffer that a thread holds.

    @ivar stream: An unbuffered binary stream.
    """

    stream: FileIO

    def write(self, text: str) -> None:
        """
        Write a text.
        """
        data = memoryview(text.encode("utf-8", "backslashreplace"))
        while data:
            written = self.stream.write(data)
            if written is None:
                # Another process made the pipe or terminal non-blocking.
                select.select([], [self.stream], [])
            else:
                data = data[written:]

    def flush(self) -> None:
        """
        Do nothing: there is no buffer.
        """


class _Nowhere:
    """
    A file that keeps nothing.
    """

    def write(self, text: str) -> None:
        """
        Do nothing.
        """

    def flush(self) -> None:
        """
        Do nothing.
        """


def unbuffered(file: Any) -> ITextFile:
    """
    Write to the descriptor of a standard stream, past the buffer of the stream.

    @param file: C{sys.__stderr__}, or what stands for it.
    """
    try:
        stream = FileIO(file.fileno(), "wb", closefd=False)
    except (AttributeError, OSError, ValueError):
        # In a process that was started without standard error, it is None.  Nobody
        # reads what is written then.
        result: ITextFile = _Nowhere() if file is None else file
        return result
    return UnbufferedFile(stream)


def withoutNoise(observer: ILogObserver) -> ILogObserver:
    """
    Keep from an observer the lines of Twisted that say nothing to an operator, such as
    the names of factories that start and stop.  Warnings and errors stay, and so do
    the signals that end the service, and text that is printed.
    """
    levels = LogLevelFilterPredicate(LogLevel.warn)
    for namespace in ("logrecv", "stdout", "twisted.internet.base"):
        levels.setLogLevelForNamespace(namespace, LogLevel.info)
    return FilteringLogObserver(observer, [levels])


@define(eq=False)
class OwnLog:
    """
    The log of a process.

    @ivar thread: Writes the log.
    @ivar observer: Takes the events; L{None} where a runner has its own observer.
    """

    thread: LogThread = field(factory=LogThread)
    observer: ILogObserver | None = None

    @classmethod
    def toFile(cls, file: ITextFile) -> OwnLog:
        """
        Make a log that is written to a file, as text.

        @param file: The file, which only the thread writes to.
        """
        thread = LogThread()
        written: Any = ThreadedFile(thread, file)
        return cls(thread, withoutNoise(textFileLogObserver(written)))

    @classmethod
    def toStandardError(cls) -> OwnLog:
        """
        Make a log that is written to standard error, as text.
        """
        return cls.toFile(unbuffered(sys.__stderr__))

    def end(self) -> None:
        """
        Write all lines from now on before going on, since the process is about to end.
        Waits for a reader L{END_TIMEOUT} at most.
        """
        self.thread.end()

    def fail(self, line: str) -> None:
        """
        Write a line to standard error, after the log, since the process cannot start.
        Waits for a reader of both, L{END_TIMEOUT} each at most.
        """
        self.thread.end()
        # Runners have replaced sys.stderr by their log.
        errors = LogThread()
        ThreadedFile(errors, unbuffered(sys.__stderr__)).write(f"{line}\n")
        errors.end()
