"""A service with routes for files and batches, in this process; it answers what a test says."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.scripted_judge import ScriptedJudge


@dataclass
class BatchStub:
    """Answers lines of batches by a judge that also answers single requests.

    Attributes:
        judge: what it says of a line.
        lost: cases whose lines are in no file, as after the time was up.
        broken: by case, status and body of a line in the file of errors.
        ends: the word for a batch that is over.
        polls: how often a batch is told to be under way before it is over.
        drops: how many batches are begun without an answer, by closing the connection.
        fails: what is said of batches that are refused as a whole; "" for none.
        files: content by name.
        batches: what was asked for, by name.
        calls: method and path of each request for files and batches.
        keys: headers of authorization that came.
    """

    judge: ScriptedJudge
    lost: frozenset[str] = frozenset()
    broken: dict[str, tuple[int, Any]] = field(default_factory=dict)
    ends: str = "completed"
    polls: int = 0
    drops: int = 0
    fails: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    polled: dict[str, int] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def post_file(self, kind: str, body: bytes) -> dict[str, Any]:
        """Take a form of two parts."""
        boundary = kind.partition("boundary=")[2].encode()
        parts = body.split(b"--" + boundary)
        assert parts[0] == b""
        assert parts[-1].startswith(b"--")
        fields = dict(part.strip(b"\r\n").split(b"\r\n\r\n", 1) for part in parts[1:-1])
        [purpose] = [text for head, text in fields.items() if b'name="purpose"' in head]
        [content] = [text for head, text in fields.items() if b'name="file"' in head]
        assert purpose == b"batch"
        name = f"file-{len(self.files)}"
        self.files[name] = content + b"\n"
        return {"id": name, "object": "file"}

    def post_batch(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Begin a batch."""
        name = f"batch-{len(self.batches)}"
        self.batches[name] = {**asked, "id": name, "status": "in_progress"}
        return self.batches[name]

    def page(self, after: str) -> dict[str, Any]:
        """Return one batch a page, the latest first."""
        names = list(reversed(self.batches))
        names = names[names.index(after) + 1 :] if after else names
        return {
            "data": [self.batches[name] for name in names[:1]],
            "has_more": len(names) > 1,
        }

    def get_batch(self, name: str) -> dict[str, Any]:
        """Return how far a batch is; at the end with its files."""
        found = self.batches[name]
        self.polled[name] = self.polled.get(name, 0) + 1
        if self.fails:
            return {**found, "status": "failed", "errors": {"data": [{"message": self.fails}]}}
        if self.polled[name] <= self.polls:
            return found
        lines = [json.loads(line) for line in self.files[found["input_file_id"]].splitlines()]
        good, bad = [], []
        for line in lines:
            assert line["url"] == found["endpoint"]
            shown = json.dumps(line["body"])
            case = next(case for case in self.judge.script if f"case-{case}." in shown)
            if case in self.lost:
                continue
            if case in self.broken:
                status, body = self.broken[case]
                bad.append(_line(line, status, body))
                continue
            status, body = self.judge.answer("chat/completions", line["body"])
            good.append(_line(line, status, body))
        self.files[f"{name}-out"] = b"".join(good) + b'{"custom_id": "ab'
        self.files[f"{name}-errors"] = b"".join(bad)
        return {
            **found,
            "status": self.ends,
            "output_file_id": f"{name}-out" if good else None,
            "error_file_id": f"{name}-errors" if bad else None,
        }


def _line(line: dict[str, Any], status: int, body: Any) -> bytes:
    response = {"status_code": status, "body": body}
    return json.dumps({"custom_id": line["custom_id"], "response": response}).encode() + b"\n"


@contextmanager
def serving_batches(stub: BatchStub) -> Iterator[str]:
    """Serve a stub over HTTP and yield where its routes begin."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            route = self._route()
            if route == "files":
                self._say(200, stub.post_file(self.headers["Content-Type"], body))
            elif route == "batches":
                begun = stub.post_batch(json.loads(body))
                if stub.drops:
                    stub.drops -= 1
                    self.close_connection = True
                    return
                self._say(200, begun)
            else:
                self._say(*stub.judge.answer(route, json.loads(body)))

        def do_GET(self) -> None:
            route = self._route()
            if route.startswith("files/"):
                self._send(200, stub.files[route.split("/")[1]])
            elif route.startswith("batches/"):
                self._say(200, stub.get_batch(route.split("/")[1]))
            else:
                self._say(200, stub.page(route.partition("after=")[2]))

        def _route(self) -> str:
            route = self.path.removeprefix("/v1/")
            if route.startswith(("files", "batches")):
                stub.calls.append((self.command, route))
                stub.keys.append(self.headers.get("Authorization", ""))
            return route

        def _say(self, status: int, body: Any) -> None:
            self._send(status, json.dumps(body).encode())

        def _send(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.daemon_threads = True
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{web.server_address[1]}/v1"
    finally:
        web.shutdown()
        web.server_close()
        thread.join()
