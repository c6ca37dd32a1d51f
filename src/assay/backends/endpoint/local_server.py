"""A server of our own for a model in a GGUF file: llama.cpp's, as a child of this process.

It listens on a free port of the loopback address and answers nobody without a key that is drawn for
it alone and passed to it through a pipe: without one, any page in a browser could ask it. It ends
when it is closed, when this process ends, and when this process is killed.
"""

import contextlib
import http.client
import importlib.util
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from assay.backends.endpoint import llama_process
from assay.backends.gguf.checks import check_whole
from assay.backends.gguf.header import Header, read_header
from assay.components.extras import EXTRAS
from assay.errors import ConfigError, MissingExtraError, ModelLoadError
from assay.wording import one_line
from assay.wording import seconds as seconds_text

CONTEXT = 4096
"""Tokens of one request, prompt and reply together, where nobody says otherwise."""
_START_SECONDS = 900.0
_END_SECONDS = 5.0
_ASK_SECONDS = 10.0
_LAST_LINES = 6
_LONGEST_LINE = 200
_READ_BYTES = 1 << 14
_WARNINGS = 1  # of llama.cpp's verbosity
_LESS = (
    "a smaller context, or fewer requests at a time, take less memory; a newer xllamacpp reads "
    "newer kinds of models"
)
_AGAIN = f"run the same line again; where memory was short, {_LESS.partition(';')[0]}"


@dataclass(frozen=True)
class Settings:
    """How a model is served; nothing here is part of what it answers.

    Attributes:
        context: most tokens of one request, prompt and reply together; fewer where the model was
            made for fewer.
        slots: requests that are worked on at a time; each takes memory for its context.
        threads: processors that it uses.

    Raises:
        ConfigError: if one is below 1.
    """

    context: int = CONTEXT
    slots: int = 1
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse what no server can be started with."""
        for name, value in asdict(self).items():
            if value < 1:
                raise ConfigError(f"{name}={value} of a local server is no number above 0")


@dataclass(frozen=True)
class Wanted:
    """What the child is told; `key` is in no text of it."""

    file: str
    model: str
    key: str
    context: int
    slots: int
    threads: int
    verbosity: int = _WARNINGS

    def __repr__(self) -> str:
        """Return it without the key."""
        return f"Wanted({self.model!r})"


class LocalServer:
    """A model that is served as long as this object lives, or until `close`.

    Attributes:
        base: where its routes begin, such as ``http://127.0.0.1:40123/v1``.
        model: its name there.
        key: what a request must bring.
        context: most tokens of one request.
        seconds: what it took to start.

    Args:
        file: the model.
        settings: how it is served.

    Raises:
        ModelLoadError: if the file is no whole language model, or the server does not come up; with
            its last words.
        MissingExtraError: if llama.cpp is not installed.
    """

    def __init__(self, file: Path, settings: Settings) -> None:
        header = read_header(file)
        check_whole(header)
        if importlib.util.find_spec(EXTRAS["local"][0]) is None:
            raise MissingExtraError(f"serving {file.name}", "local")
        self._file = file
        self.model = file.stem
        self.key = secrets.token_urlsafe(32)
        self.context = min(settings.context, _trained_context(header) or settings.context)
        began = time.monotonic()
        self._words = tempfile.TemporaryFile()  # noqa: SIM115  read when something goes wrong
        self._process = _start(self._words)
        self.close = weakref.finalize(self, _end, self._process, self._words, os.getpid())
        try:
            self.base = self._bring_up(settings)
        except BaseException:
            self.close()
            raise
        self.seconds = time.monotonic() - began

    def check(self) -> None:
        """Check that it is still running.

        Raises:
            ModelLoadError: if it has ended, with its last words.
        """
        if self.close.alive and self._process.poll() is not None:
            raise self._broken(f"has ended ({_manner(self._process.returncode)})", _AGAIN)

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def _bring_up(self, settings: Settings) -> str:
        wanted = Wanted(
            str(self._file.absolute()),
            self.model,
            self.key,
            self.context,
            settings.slots,
            settings.threads,
        )
        line = json.dumps(asdict(wanted)) + "\n"
        told, answer = _pipes(self._process)
        # It may be gone by now, and then says why.
        with contextlib.suppress(BrokenPipeError):
            told.write(line.encode())
            told.flush()
        if not select.select([answer], [], [], _START_SECONDS)[0]:
            raise self._broken(f"does not come up within {seconds_text(_START_SECONDS)}")
        try:
            address = str(json.loads(answer.readline())["address"])
        except ValueError:  # it ended without a line
            code = self._process.wait(_END_SECONDS)
            raise self._broken(f"does not come up ({_manner(code)})") from None
        self._check_guarded(address)
        return f"{address}/v1"

    def _check_guarded(self, address: str) -> None:
        """Check that it is well, and answers those alone who bring the key."""
        asked = (("/health", "", 200), ("/v1/models", "", 401), ("/v1/models", self.key, 200))
        for route, key, wanted in asked:
            found = _status(address, route, key)
            if found != wanted:
                whom = "with its key" if key else "without a key"
                raise self._broken(f"answers {found} where {wanted} is right: {route} {whom}")

    def _broken(self, what: str, hint: str = _LESS) -> ModelLoadError:
        last = _last_lines(self._words, self.key)
        said = f". Its last words: {last}" if last else ""
        return ModelLoadError(f"the server of {self._file.name} {what}{said}", hint=hint)


def _start(words: IO[bytes]) -> "subprocess.Popen[bytes]":
    """Start the child: what it is to do, it reads."""
    # -P: a file beside the data must not be taken for a library.
    return subprocess.Popen(  # noqa: S603  the program is ours
        [sys.executable, "-P", str(Path(llama_process.__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=words,
        start_new_session=True,  # Ctrl-C is for us, who may have questions left to be answered
    )


def _pipes(process: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise ValueError("a process without pipes")
    return process.stdin, process.stdout


def _end(process: "subprocess.Popen[bytes]", words: IO[bytes], owner: int) -> None:
    """End the child and wait until it is gone."""
    if os.getpid() != owner:
        return  # a fork of its owner, which goes on
    for pipe in _pipes(process):
        with contextlib.suppress(OSError):
            pipe.close()
    try:
        # While it loads it does not look, and a forked process may hold the pipe open.
        process.terminate()
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        words.close()


def _status(address: str, route: str, key: str) -> int:
    """Return the code that a route answers with; 0 if it does not answer."""
    # No proxy stands between a process and its own child.
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=_ASK_SECONDS)
    try:
        connection.request("GET", route, headers={"Authorization": f"Bearer {key}"} if key else {})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _last_lines(words: IO[bytes], key: str) -> str:
    end = words.seek(0, os.SEEK_END)
    words.seek(max(0, end - _READ_BYTES))
    text = words.read().decode("utf-8", "replace").replace(key, "***")
    lines = [one_line(line, _LONGEST_LINE) for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-_LAST_LINES:])


def _manner(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return f"ended by {signal.Signals(-code).name}"
    return f"ended by signal {-code}"


def _trained_context(header: Header) -> int:
    found = header.fields.get(f"{header.architecture}.context_length", 0)
    return found if isinstance(found, int) and found > 0 else 0
