"""Python processes that start at once: forks of one that has imported everything already.

A test of the command line needs a process of its own, one that can be killed, run out of disk or
end with a code. What it does not need is to import the same hundred modules again. `start` stands
for ``subprocess.Popen([sys.executable, "-c", code, *words], ...)``: the code runs as ``__main__``
of a process that nothing else shares, the leader of a session, forked from a server that has
imported modules and done nothing with them. What is about starting itself (what is imported when,
entry points, a terminal) is tested with `subprocess`.
"""

import atexit
import contextlib
import dataclasses
import faulthandler
import fcntl
import gc
import importlib.util
import json
import os
import pkgutil
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import types
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Literal, NamedTuple, NoReturn, cast

from tests.patience import TELLING, happens, hung

Imported = Literal["assay", "assay and torch", "what assay rests on"]
"""What a server has imported; the last is for tests of another copy of the package."""

_OURS = ("assay.agreement", "assay.assessment", "assay.cli", "assay.compare", "assay.config",
         "assay.engine", "assay.export", "assay.features", "assay.formats", "assay.judging",
         "assay.methods", "assay.project", "assay.reports", "assay.stores", "assay.workspace",
         "assay.backends.embedded", "assay.backends.encoders",
         "assay.backends.static_encoder")  # fmt: skip
_OTHERS = ("numpy", "scipy.stats", "polars", "polars._utils.parquet", "pyarrow.parquet",
           "pydantic", "pydantic.type_adapter", "safetensors.numpy", "tokenizers", "loky", "psutil",
           "typer", "typer._adapters", "rich.progress", "pytest")  # fmt: skip
_TORCH = ("torch", "transformers", "safetensors.torch", "peft", "datasets", "accelerate",
          "trl.trainer.sft_trainer")  # fmt: skip
_OF_TESTS = ("torch", "transformers", "hypothesis.strategies", "hypothesis.core", "faiss",
             "py3langid.langid", "scipy.optimize")  # fmt: skip
_PIECE = 1 << 16


class Process:
    """A process of the server: what tests use of `subprocess.Popen`, with its output as text."""

    def __init__(self, pid: int, status: int, output: IO[bytes], errors: IO[bytes]) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._status = status
        self._output = output
        self._errors = errors
        self._said: tuple[str, str] | None = None

    def poll(self) -> int | None:
        """Return the exit code if the process has ended."""
        return self.returncode if self._ended(0.0) else None

    def wait(self) -> int:
        """Return the exit code (minus the signal's number for a killed process) at the end.

        Raises:
            AssertionError: if it hangs; the message says where it stood.
        """
        if not happens(self._ended, self.pid):
            raise AssertionError(hung(*self._content()))
        assert self.returncode is not None
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Return what the process has written to stdout and stderr when it has ended.

        Raises:
            AssertionError: if it hangs; the message says where it stood.
            subprocess.TimeoutExpired: if it has not ended after so many seconds.
        """
        if timeout is None:
            self.wait()
        elif not self._ended(timeout):
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return self._content()

    def _ended(self, seconds: float) -> bool:
        if self.returncode is None and select.select([self._status], [], [], seconds)[0]:
            self.returncode = _exit_code(self._status)
        return self.returncode is not None

    def _content(self) -> tuple[str, str]:
        if self._said is None:
            self._said = _content(self._output), _content(self._errors)
        return self._said


def start(
    code: str,
    words: Sequence[str | Path] = (),
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    imported: Imported = "assay",
) -> Process:
    """Run code in a new process, `words` being its ``sys.argv[1:]``.

    Args:
        code: what ``python -c`` would be given.
        words: the command line.
        folder: working directory; by default this process's.
        environment: all variables of the process; by default those of this process.
        stdin: what the process can read.
        imported: what need not be imported any more.
    """
    request = _Request(
        code=code,
        words=[str(word) for word in words],
        folder=str(folder or Path.cwd()),
        environment=dict(os.environ if environment is None else environment),
    )
    output, errors = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
    with tempfile.TemporaryFile() as read:
        read.write(stdin)
        read.seek(0)
        streams = [read.fileno(), output.fileno(), errors.fileno()]
        pid, status = _ask(server(imported), request, streams)
    return Process(pid, status, output, errors)


def on_terminal(
    code: str,
    words: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str],
    columns: int = 80,
    typed: bytes = b"",
) -> tuple[int, str]:
    """Run code as `start` does on a terminal; return its exit code and all that was shown."""
    request = _Request(code, [str(word) for word in words], str(folder), dict(environment))
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    pid, status = _ask(server("assay"), request, [terminal] * 3)
    os.write(screen, typed)
    os.close(terminal)
    shown = bytearray()

    def closed(seconds: float) -> bool:
        until = time.monotonic() + seconds
        while select.select([screen], [], [], max(0.0, until - time.monotonic()))[0]:
            try:
                shown.extend(os.read(screen, _PIECE))
            except OSError:  # nobody holds the other end any more
                return True
        return False

    ended = happens(closed, pid)
    os.close(screen)
    told = shown.decode(errors="replace")
    if not ended:
        raise AssertionError(hung(told, ""))
    return _exit_code(status), told


def stand_in(code: str, address: str) -> None:
    """Run code as `start` does, but with all that this process was started with, and end as it."""
    request = _Request(code, sys.argv[1:], str(Path.cwd()), dict(os.environ))
    pid, status = _ask(address, request, [0, 1, 2])
    happens(lambda seconds: bool(select.select([status], [], [], seconds)[0]), pid)
    code_at_end = _exit_code(status)
    sys.exit(code_at_end if code_at_end >= 0 else 128 - code_at_end)


def server(imported: Imported = "assay") -> str:
    """Return where a server takes requests; it is started once per process, and ends with it."""
    return _server(imported).address


@dataclasses.dataclass(frozen=True)
class _Request:
    """What a process is to do."""

    code: str
    words: list[str]
    folder: str
    environment: dict[str, str]


class _Server(NamedTuple):
    """The process that forks, where it takes requests, and what it ends with."""

    process: subprocess.Popen[bytes]
    folder: "tempfile.TemporaryDirectory[str]"
    life: IO[bytes]

    @property
    def address(self) -> str:
        return _address(self.folder)


@cache
def _server(imported: Imported) -> _Server:
    folder = tempfile.TemporaryDirectory(prefix="fork-server-")
    ended, life = os.pipe()
    with socket.socket(socket.AF_UNIX) as requests:
        requests.bind(_address(folder))
        requests.listen()
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, imported, str(requests.fileno()), str(ended)],
            cwd=Path(__file__).parents[1],
            # Libraries of linear algebra settle this once, and forks have no say in it.
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            pass_fds=[requests.fileno(), ended],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    os.close(ended)
    return _Server(process, folder, os.fdopen(life, "wb"))


def _address(folder: "tempfile.TemporaryDirectory[str]") -> str:
    return str(Path(folder.name) / "requests")


def _ask(address: str, request: _Request, streams: Sequence[int]) -> tuple[int, int]:
    """Return a new process, and what its status will be written to."""
    status, written_status = os.pipe()
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(address)
        message = json.dumps(dataclasses.asdict(request)).encode()
        sent = socket.send_fds(asked, [message], [*streams, written_status])
        asked.sendall(message[sent:])
        asked.shutdown(socket.SHUT_WR)
        os.close(written_status)
        answer = asked.recv(32)
    if not answer:
        raise RuntimeError("the server of processes has ended")
    return int(answer), status


def _exit_code(status: int) -> int:
    """Return how a process ended, which is or will be written to its status."""
    written = os.read(status, 32)
    os.close(status)
    if not written:
        raise RuntimeError("the server of processes has ended")
    return os.waitstatus_to_exitcode(int(written))


def _content(file: IO[bytes]) -> str:
    with file:
        file.seek(0)
        return file.read().decode()


def _import_all(imported: Imported) -> None:
    names = [*_OTHERS]
    if imported == "assay and torch":
        names += _TORCH
    if imported == "what assay rests on":
        names += _OF_TESTS
    for name in names:
        if importlib.util.find_spec(name.partition(".")[0]):
            importlib.import_module(name)
    if imported == "what assay rests on":
        return
    for name in _OURS:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(getattr(package, "__path__", []), f"{name}."):
            with contextlib.suppress(ModuleNotFoundError):  # of an optional package
                importlib.import_module(module.name)
    # Tables that every run makes of constants, some of them slowly.
    importlib.import_module("assay.texts.language").detect_language("A word.")
    importlib.import_module("assay.texts.measures").count_words("A word.")
    gc.freeze()


def _serve(requests: socket.socket, ended: int) -> _Request:
    """Fork for every request. Returns in the new processes alone."""
    statuses: dict[int, int] = {}
    bell, rope = os.pipe()
    os.set_blocking(rope, False)
    signal.set_wakeup_fd(rope, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    while True:
        ready = select.select([requests.fileno(), ended, bell], [], [])[0]
        if ended in ready:
            sys.exit()
        if bell in ready:
            os.read(bell, _PIECE)
            _tell_who_ended(statuses)
        if requests.fileno() not in ready:
            continue
        asked, _ = requests.accept()
        message, streams, _, _ = socket.recv_fds(asked, _PIECE, 4)
        while piece := asked.recv(_PIECE):
            message += piece
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            request = _Request(**json.loads(message))
            _take(streams, request)
            asked.send(str(os.getpid()).encode())
            for connection in (asked, requests):
                connection.close()
            for other in (ended, bell, rope, *statuses.values()):
                os.close(other)
            return request
        statuses[pid] = streams[3]
        asked.close()
        for stream in streams[:3]:
            os.close(stream)


def _tell_who_ended(statuses: dict[int, int]) -> None:
    """Write to the statuses of processes that have ended how they did."""
    while statuses:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with contextlib.suppress(BrokenPipeError):  # whoever asked may be gone
            os.write(statuses[pid], str(status).encode())
        os.close(statuses.pop(pid))


def _take(streams: Sequence[int], request: _Request) -> None:
    """Become a session's leader with these streams, working directory and environment."""
    os.setsid()
    for place, stream in enumerate(streams[:3]):
        os.dup2(stream, place)
    for stream in streams:
        os.close(stream)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment | TELLING)
    faulthandler.enable()


def _main() -> NoReturn:
    _import_all(cast("Imported", sys.argv[1]))
    request = _serve(socket.socket(fileno=int(sys.argv[2])), int(sys.argv[3]))
    main = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = __builtins__
    sys.modules["__main__"] = main
    sys.argv = ["-c", *request.words]
    own = request.environment.get("PYTHONPATH", "")
    sys.path[0:1] = ["", *(path for path in own.split(os.pathsep) if path not in sys.path)]
    try:
        exec(compile(request.code, "<string>", "exec"), main.__dict__)
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        code = 1
    _end(code)


def _end(code: int) -> NoReturn:
    """End as the interpreter does, but for the second it takes to forget all that is imported."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _main()
