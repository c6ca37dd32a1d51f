"""Numbers and lists out of a pickle, by a reader of its own that can make nothing else.

A pickle is a program. This reader knows the few instructions that lists of numbers are made of;
at any other one, such as those that call a function, it stops. Nothing is ever unpickled.
"""

import pickletools
import zipfile
from pathlib import Path
from typing import Any

from assay.errors import FormatError

_MARK = object()
_MOST_BYTES = 1 << 30
_PUSHED = frozenset(
    ("BININT", "BININT1", "BININT2", "LONG1", "INT", "LONG", "BINFLOAT", "FLOAT",
     "BINUNICODE", "SHORT_BINUNICODE", "UNICODE")
)  # fmt: skip
_IGNORED = frozenset(("PROTO", "FRAME"))
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, type[list[Any]]] = {"EMPTY_LIST": list, "EMPTY_TUPLE": list}
_SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def is_pickled(path: Path) -> bool:
    """Does a file look like a pickle, or like what torch saves, which holds one?"""
    with path.open("rb") as stream:
        head = stream.read(4)
    if head == b"PK\x03\x04":
        return zipfile.is_zipfile(path) and _inner(path) is not None
    return head[:1] == b"\x80" and len(head) > 1 and 2 <= head[1] <= 5


def plain_pickle(path: Path) -> object:
    """Return the numbers, texts and lists of a file; tuples come as lists.

    Args:
        path: a pickle of protocol 2 to 5, or a file that torch saved one in.

    Raises:
        FormatError: if it holds anything else, such as a tensor; says how to convert it.
    """
    inner = _inner(path)
    if inner is None:
        content = path.read_bytes()
    else:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(inner).file_size > _MOST_BYTES:
                raise FormatError(f"{path}: {inner} unpacks to more than a gigabyte")
            content = archive.read(inner)
    return _machine(path, content)


def _inner(path: Path) -> str | None:
    """Return the pickle inside a file of torch; None if the file is a bare pickle."""
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    return next((name for name in names if name.rpartition("/")[2] == "data.pkl"), None)


def _machine(path: Path, content: bytes) -> object:
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    try:
        for instruction, argument, _ in pickletools.genops(content):
            if instruction.name == "STOP":
                return stack.pop()
            _step(path, instruction.name, argument, stack, memo)
    except FormatError:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise FormatError(
            f"{path}: the pickle is damaged ({error})", hint="fetch or write the file again"
        ) from error
    raise FormatError(f"{path}: the pickle breaks off", hint="fetch or write the file again")


def _step(path: Path, name: str, argument: Any, stack: list[Any], memo: dict[int, Any]) -> None:
    """Do one instruction."""
    if name in _IGNORED:
        return
    if name in _PUSHED:
        stack.append(argument)
    elif name in _CONSTANTS:
        stack.append(_CONSTANTS[name])
    elif name in _EMPTY:
        stack.append(_EMPTY[name]())
    elif name == "MARK":
        stack.append(_MARK)
    elif name in ("APPEND", "APPENDS"):
        items = [stack.pop()] if name == "APPEND" else _to_mark(stack)
        stack[-1].extend(items)
    elif name in ("LIST", "TUPLE"):
        stack.append(_to_mark(stack))
    elif name in _SHORT_TUPLES:
        count = _SHORT_TUPLES[name]
        items = stack[-count:]
        del stack[-count:]
        stack.append(items)
    elif name == "MEMOIZE":
        memo[len(memo)] = stack[-1]
    elif name in ("BINPUT", "LONG_BINPUT", "PUT"):
        memo[int(argument)] = stack[-1]
    elif name in ("BINGET", "LONG_BINGET", "GET"):
        stack.append(memo[int(argument)])
    else:
        raise _refused(path, name)


def _to_mark(stack: list[Any]) -> list[Any]:
    """Take what lies above the last mark, and the mark."""
    place = next(at for at in range(len(stack) - 1, -1, -1) if stack[at] is _MARK)
    items = stack[place + 1 :]
    del stack[place:]
    return items


def _refused(path: Path, name: str) -> FormatError:
    made = f"{path.with_suffix('').name}.json"
    return FormatError(
        f"{path}: the pickle holds more than lists of numbers ({name.lower()}); it is not opened, "
        "since a pickle can run any program",
        hint='if you trust it, write its numbers as JSON: python -c "import json, torch; '
        f"json.dump(torch.as_tensor(torch.load('{path.name}', weights_only=True)).tolist(), "
        f"open('{made}', 'w'))\"",
    )
