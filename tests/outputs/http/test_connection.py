"""
Tests for L{logrecv.outputs.http.connection}.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.web.client import RequestGenerationFailed

from logrecv.outputs.http.connection import (
    BODY_SIZE,
    BODY_TIMEOUT,
    CLOSE_TIMEOUT,
    HEAD_SIZE,
    IDLE_TIMEOUT,
    NotRead,
)
from tests.outputs.http.connections import (
    CHUNKED,
    HEAD,
    TAKEN,
    ConnectionTestCase,
    Reader,
)
from tests.selection import slow


class HeadTests(ConnectionTestCase):
    """
    A connection up to the body of an answer.
    """

    def test_taken(self) -> None:
        """
        An answer without a body leaves the connection for the next request.
        """
        for number in range(3):
            posted = self.post(b"x" * 100_000)
            self.assertIn(b"Content-Length: 100000", self.transport.value())
            self.connection.dataReceived(TAKEN)
            self.assertEqual(self.successResultOf(posted).code, 204)
            self.assertEqual(self.idle, [self.connection] * (number + 1))
        self.assertFalse(self.transport.disconnecting)

    def test_largeHead(self) -> None:
        """
        A head can be as large as the limit, in pieces of any size.
        """
        start = b"HTTP/1.1 204 No Content\r\nX-Long: "
        head = start + b"x" * (HEAD_SIZE - len(start) - 4) + b"\r\n\r\n"
        for size in (HEAD_SIZE, 1000):
            posted = self.post()
            for place in range(0, len(head), size):
                self.connection.dataReceived(head[place : place + size])
            self.assertEqual(self.successResultOf(posted).code, 204)

    def test_endlessHead(self) -> None:
        """
        A head with more bytes fails the request, however they come.
        """
        for start, again in [
            (b"HTTP/1.1 200 ", b"O"),
            (HEAD, b"X-Many: of them\r\n"),
            (HEAD, b"a:\n"),
            (HEAD + b"X-Long: ", b"x"),
            (HEAD + b"X-Long: ", b"x\r\n y"),
        ]:
            for size in (1000, 1_000_000):
                self.connect()
                posted = self.post()
                piece = again * (size // len(again))
                self.connection.dataReceived(start)
                for _ in range(20):
                    if not self.transport.disconnected:
                        self.connection.dataReceived(piece)
                self.assertBad(posted, f"more than {HEAD_SIZE} bytes before its body")

    def test_informal(self) -> None:
        """
        Answers before the answer are skipped without a line in the log.
        """
        posted = self.post()
        self.connection.dataReceived(b"HTTP/1.1 100 Continue\r\n\r\n" * 3)
        self.connection.dataReceived(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
        self.assertNoResult(posted)
        self.connection.dataReceived(TAKEN)
        self.assertEqual(self.successResultOf(posted).code, 204)
        self.assertEqual(self.idle, [self.connection])
        self.assertEqual(list(self.logged), [])

    def test_endlessInformal(self) -> None:
        """
        Answers before the answer count as a part of the head.
        """
        for status in (b"100 Continue", b"101 Switching", b"102", b"103", b"199"):
            self.connect()
            posted = self.post()
            answer = b"HTTP/1.1 " + status + b"\r\n\r\n"
            self.connection.dataReceived(answer)
            self.assertNoResult(posted)
            self.connection.dataReceived(answer * 20_000)
            self.assertBad(posted, f"more than {HEAD_SIZE} bytes before its body")

    def test_noHTTP(self) -> None:
        """
        An answer that is not HTTP fails the request in words, and its beginning is
        shown, escaped.
        """
        for answer, problem in [
            (b"SSH-2.0-OpenSSH_9.6\r\n", "is not HTTP: SSH-2.0-OpenSSH_9.6"),
            (b"\x1b[2J\xff" + b"x" * 999 + b"\n", "is not HTTP: \\x1b[2J\ufffdxxx"),
            (b"HTTP/1.1 two OK\r\n", "is not HTTP: HTTP/1.1 two OK"),
            (HEAD + b"no colon\r\nnor here\r\n\r\n", "is not HTTP"),
            (HEAD + b"Content-Length: 1, 2\r\n\r\n", "is not HTTP"),
            (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", "is not HTTP"),
        ]:
            self.connect()
            posted = self.post()
            self.connection.dataReceived(answer)
            self.assertBad(posted, problem)

    def test_unasked(self) -> None:
        """
        A receiver that sends something between two requests is left.
        """
        self.connection.dataReceived(b"x")
        self.lose()
        self.connect()
        self.post()
        self.connection.dataReceived(TAKEN)
        self.connection.dataReceived(TAKEN)
        self.lose()
        self.assertEqual(list(self.logged), [])

    def test_twoAnswers(self) -> None:
        """
        No request follows an answer with more behind it: that would be taken for the
        next answer.
        """
        exact = b"HTTP/1.1 204 No Content\r\nX-Long: "
        exact += b"x" * (HEAD_SIZE - len(exact) - 4) + b"\r\n\r\n"
        for answer in (TAKEN * 2, TAKEN * 100_000, exact + b"H"):
            self.connect()
            posted = self.post()
            self.connection.dataReceived(answer)
            self.assertEqual(self.successResultOf(posted).code, 204)
            self.assertEqual(self.idle, [])
            self.lose()

    def test_notRead(self) -> None:
        """
        Nothing is added to a request that the receiver has answered, but not read.
        """
        self.transport.isFull = True
        posted = self.post()
        self.connection.dataReceived(TAKEN)
        self.successResultOf(posted)
        self.transport.clear()
        failure = self.failureResultOf(self.post(), RequestGenerationFailed)
        failure.value.reasons[0].trap(NotRead)
        self.assertLess(len(self.transport.value()), 200)
        self.lose()


class BodyTests(ConnectionTestCase):
    """
    A connection from the body of an answer on.
    """

    def test_body(self) -> None:
        """
        The body is read, and the connection is left for the next request.
        """
        posted = self.post()
        self.connection.dataReceived(HEAD + b"Content-Length: 3\r\n\r\nyes")
        reader = self.read(self.successResultOf(posted))
        self.assertEqual((reader.size, reader.ended), (3, True))
        self.assertEqual(self.idle, [self.connection])

    def test_largeBody(self) -> None:
        """
        A body can be as large as the limit.
        """
        posted = self.post()
        self.connection.dataReceived(HEAD + b"Content-Length: %d\r\n\r\n" % BODY_SIZE)
        reader = self.read(self.successResultOf(posted))
        self.connection.dataReceived(b"x" * BODY_SIZE)
        self.assertEqual((reader.size, reader.ended), (BODY_SIZE, True))
        self.assertEqual(self.idle, [self.connection])

    @slow
    def test_endlessBody(self) -> None:
        """
        More bytes end the body and the connection; the status is the answer.
        """
        for head, piece in [
            (CHUNKED, b"1000\r\n" + b"x" * 0x1000 + b"\r\n"),
            (CHUNKED, b"1;" + b"x" * 900 + b"\r\nx\r\n"),
            (CHUNKED + b"1", b";x=y"),
            (CHUNKED + b"0\r\n", b"X-Many: of them\r\n"),
            (CHUNKED, b"no number\r\n"),
            (HEAD + b"Content-Length: 99999999999\r\n\r\n", b"x"),
            (HEAD + b"\r\n", b"x"),
        ]:
            self.connect()
            posted = self.post()
            self.connection.dataReceived(head)
            response = self.successResultOf(posted)
            self.assertEqual(response.code, 200)
            reader = self.read(response)
            self.connection.dataReceived(piece * 100_000)
            self.assertTrue(reader.ended, piece)
            self.assertLessEqual(reader.size, BODY_SIZE + HEAD_SIZE)
            self.lose()
        self.assertEqual(self.idle, [])
        self.assertEqual(list(self.logged), [])

    def test_slowBody(self) -> None:
        """
        A body that drips is not waited for; the status is the answer.
        """
        posted = self.post()
        self.connection.dataReceived(CHUNKED)
        reader = self.read(self.successResultOf(posted))
        for _ in range(9):
            self.clock.advance(BODY_TIMEOUT / 10)
            self.connection.dataReceived(b"1\r\nx\r\n")
        self.assertFalse(reader.ended)
        self.clock.advance(BODY_TIMEOUT / 10)
        self.assertEqual((reader.size, reader.ended), (9, True))
        self.lose()


class EndTests(ConnectionTestCase):
    """
    The end of a connection.
    """

    def test_idle(self) -> None:
        """
        An idle connection is gone, even if the receiver does not agree to the close.
        """
        self.post()
        self.connection.dataReceived(TAKEN)
        self.clock.advance(IDLE_TIMEOUT)
        self.assertFalse(self.transport.disconnected)
        self.clock.advance(CLOSE_TIMEOUT)
        self.lose()

    def test_closed(self) -> None:
        """
        A receiver can ask for the end of a connection, and has little time to agree.
        """
        posted = self.post()
        self.connection.dataReceived(HEAD + b"Connection: close\r\n\r\nyes")
        reader = self.read(self.successResultOf(posted))
        self.connection.connectionLost(Failure(ConnectionDone()))
        self.assertEqual((reader.size, reader.ended), (3, True))
        self.connect()
        self.post()
        self.connection.dataReceived(
            HEAD + b"Connection: close\r\nContent-Length: 0\r\n\r\n"
        )
        self.assertTrue(self.transport.disconnecting)
        self.assertFalse(self.transport.disconnected)
        self.clock.advance(CLOSE_TIMEOUT)
        self.lose()
        self.assertEqual(self.idle, [])

    def test_aborted(self) -> None:
        """
        So has a receiver when the service stops.
        """
        self.post()
        self.connection.dataReceived(TAKEN)
        aborted = self.connection.abort()
        self.assertTrue(self.transport.disconnecting)
        self.clock.advance(CLOSE_TIMEOUT)
        self.lose()
        self.successResultOf(aborted)
        self.successResultOf(self.connection.abort())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_unanswered(self) -> None:
        """
        A request that is cancelled leaves no connection.
        """
        posted = self.post()
        self.connection.dataReceived(b"HTTP/1.1 2")
        posted.cancel()
        self.failureResultOf(posted)
        self.lose()


class AnswerProperties(ConnectionTestCase):
    """
    Properties of answers of any kind.
    """

    @given(
        st.lists(
            st.sampled_from(
                [
                    *(TAKEN, HEAD, CHUNKED, b"HTTP/1.1 100 Continue\r\n\r\n"),
                    *(b"\r\n", b"\n", b"0\r\n", b"1;x\r\nx\r\n", b"x: y\r\n", b" x"),
                    *(b"Connection: close\r\n", b"Content-Length: 3\r\n", b"xyz"),
                    *(b"Transfer-Encoding: chunked\r\n", b"Content-Length: 0\r\n"),
                    *(b"HTTP/1.1 304 \r\n", b"x" * 20_000, b"1: 2\n" * 9000),
                ]
            )
            | st.binary(max_size=20),
            max_size=12,
        )
    )
    def test_oneOutcome(self, pieces: list[bytes]) -> None:
        """
        A request ends once, the connection ends, and nothing is logged.
        """
        self.connect()
        outcomes: list[object] = []
        readers: list[Reader] = []
        self.post().addCallback(self.read).addCallback(readers.append).addBoth(
            outcomes.append
        )
        for piece in pieces:
            if not self.transport.disconnected:
                self.connection.dataReceived(piece)
        self.connection.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(len(outcomes), 1)
        self.assertTrue(all(reader.ended for reader in readers))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(list(self.logged), [])
