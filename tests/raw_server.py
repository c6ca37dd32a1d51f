"""A server that writes bytes as it is told: whole replies, parts of them, or none, at any pace."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

Answer = Callable[[socket.socket, threading.Event], None]
"""Writes the reply to one request; the event is set when the server ends."""


@dataclass
class RawServer:
    """A server that is running.

    Attributes:
        answer: what is done with a request, once it was read.
        requests: head of every request.
        hung_up: set once a client has gone before its reply was whole.
    """

    answer: Answer
    requests: list[str] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def base(self) -> str:
        """Where its routes begin."""
        return f"http://127.0.0.1:{self.port}/v1"


def reply(
    body: bytes | str, status: str = "200 OK", headers: Mapping[str, str] | None = None
) -> bytes:
    """Return a whole reply; `headers` may contradict it."""
    content = body.encode() if isinstance(body, str) else body
    told = {"Content-Type": "application/json", "Content-Length": str(len(content))}
    lines = [f"{name}: {value}" for name, value in (told | dict(headers or {})).items() if value]
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode() + content


def always(content: bytes) -> Answer:
    """Write the same bytes to every request."""
    return lambda connection, over: connection.sendall(content)


def dripping(begin: bytes, pieces: Iterator[bytes], seconds: float) -> Answer:
    """Write a beginning, then a piece every so many seconds."""

    def answer(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(begin)
        for piece in pieces:
            if over.wait(seconds):
                return
            connection.sendall(piece)

    return answer


@contextlib.contextmanager
def serving_raw(answer: Answer) -> Iterator[RawServer]:
    """Yield a server that answers every request of a connection, until the end."""
    server = RawServer(answer)
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]
    threads: list[threading.Thread] = []

    def converse(connection: socket.socket) -> None:
        with connection:
            while (head := _request(connection)) is not None:
                server.requests.append(head)
                try:
                    server.answer(connection, over)
                except OSError:
                    server.hung_up.set()
                    return

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if over.is_set():
                connection.close()
                return
            thread = threading.Thread(target=converse, args=(connection,), daemon=True)
            thread.start()
            threads.append(thread)

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield server
    finally:
        over.set()
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
        accepting.join()
        listener.close()


def _request(connection: socket.socket) -> str | None:
    """Return the head of the next request, once its body was read; None at the end."""
    read = b""
    try:
        while b"\r\n\r\n" not in read:
            more = connection.recv(1 << 16)
            if not more:
                return None
            read += more
        head, _, body = read.partition(b"\r\n\r\n")
        text = head.decode()
        lengths = [line.split(":")[1] for line in text.lower().split("\r\n")
                   if line.startswith("content-length:")]  # fmt: skip
        while len(body) < int(lengths[0] if lengths else 0):
            more = connection.recv(1 << 16)
            if not more:
                return None
            body += more
    except OSError:
        return None
    return text
