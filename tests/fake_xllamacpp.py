"""Stands for llama.cpp in a process of its own: it listens and is guarded, and writes nothing.

Copied as `xllamacpp.py` to where a child finds it; FAKE_LLAMA says what goes wrong, FAKE_LLAMA_SEEN
names the file in which it leaves its settings.
"""

import json
import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_FAULT = os.environ.get("FAKE_LLAMA", "")


class CommonParams(SimpleNamespace):
    """Takes every setting."""

    def __init__(self) -> None:
        super().__init__(
            model=SimpleNamespace(), cpuparams=SimpleNamespace(), cpuparams_batch=SimpleNamespace()
        )


class Server:
    """Listens once it is made."""

    def __init__(self, params: Any) -> None:
        os.write(1, b"a line that is no answer\n")
        if seen := os.environ.get("FAKE_LLAMA_SEEN"):
            told = json.dumps(vars(params), default=_plain)
            Path(seen).write_text(told, encoding="utf-8")
        if _FAULT == "fails":
            for number in range(9):
                os.write(2, f"line {number} about {params.api_keys[0]}\n".encode())
            raise RuntimeError("no model")
        if _FAULT == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if _FAULT == "slow":
            time.sleep(600)
        if _FAULT == "one line":
            os.write(2, b"\x1b[31mred\n")
        web = ThreadingHTTPServer(("127.0.0.1", 0), _handler(params.api_keys))
        threading.Thread(target=web.serve_forever, daemon=True).start()
        self.listening_address = f"http://127.0.0.1:{web.server_address[1]}"


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, set) else vars(value)


def _handler(keys: list[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = self.headers.get("Authorization", "").removeprefix("Bearer ")
            fine = self.path == "/health" or given in keys or _FAULT == "open"
            if _FAULT == "ill" and self.path == "/health":
                fine = False
            self.send_response(200 if fine else 401)
            self.end_headers()

        def log_message(self, *words: Any) -> None:
            """Say nothing."""

    return Handler
