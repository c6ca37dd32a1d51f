"""Command lines as a shell reads them: words quoted, and long lines broken so that they paste."""

import re
import shlex
from collections.abc import Iterable, Iterator

from assay.folding import display_width
from assay.wording import plain

_CONTINUED = " \\"
_DEEPER = "  "
_QUOTES = 2
_SIGN = re.compile(r"\\x..|\\u....|\\U........|\\.|[^\\]")
_WORD = re.compile(r"""(?:\$'(?:\\.|[^'\\])*'|[^\s'"]|'[^']*'|"[^"]*")+""")


def quoted(word: str) -> str:
    r"""Return a word as it is typed; what cannot be seen of it is spelled in ``$'...'``.

    Bash, zsh and ksh read that form.
    """
    if plain(word) == word and "\n" not in word and "\t" not in word:
        return shlex.quote(word)
    return f"$'{''.join(map(_spelled, word))}'"


def _spelled(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if plain(character) == character and character not in "\n\t":
        return character
    point = ord(character)
    if 0xDC80 <= point <= 0xDCFF:  # a byte of a name that is not UTF-8
        return f"\\x{point - 0xDC00:02x}"
    if point < 0x80:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def command_line(words: Iterable[str]) -> str:
    """Return words as they are typed in a shell, ``assay`` in front."""
    return " ".join(["assay", *map(quoted, words)])


def typed_lines(command: str, width: int, indent: int) -> list[str]:
    r"""Return a command line as lines of at most `width` columns that a shell reads as one.

    All but the last end in a backslash.

    Args:
        command: made of words as `quoted` returns them.
        width: of a screen.
        indent: columns that stand before the first line already. The others are indented as much,
            but where a word is wider than a line: its parts have to begin in the first column.
    """
    if display_width(command) + indent <= width:
        return [command]
    lines = list(_broken(_WORD.findall(command), width - len(_CONTINUED), indent))
    return [lines[0][indent:], *lines[1:]]


def _broken(words: Iterable[str], width: int, indent: int) -> Iterator[str]:
    """Yield lines, all of them indented that begin with a word."""
    line = " " * indent
    for place, word in enumerate(words):
        longer = f"{line} {word}" if place else line + word
        if display_width(longer) <= width:
            line = longer
            continue
        if line.strip():
            yield line + _CONTINUED
        begun = " " * (indent + len(_DEEPER))
        *parts, line = _parts(word, width - len(begun))
        for number, part in enumerate(parts):
            yield f"{'' if number else begun}{part}\\"
        line = line if parts else begun + line
    yield line


def _parts(word: str, width: int) -> list[str]:
    """Return a word as parts that stand for it when nothing is between them."""
    if display_width(word) <= width:
        return [word]
    if word.startswith("$'"):
        signs, room = _SIGN.findall(word[2:-1]), width - len("$''")
        return [f"$'{part}'" for part in _filled(signs, room)]
    [text] = shlex.split(word)
    room = width
    while True:
        parts = [quoted(part) for part in _filled(text, room)]
        # Quotes take room, those of a quote more than it does.
        if room < _QUOTES or max(map(display_width, parts)) <= width:
            return parts
        room -= _QUOTES


def _filled(signs: Iterable[str], width: int) -> Iterator[str]:
    """Yield signs joined to parts of at most `width` columns."""
    part = ""
    for sign in signs:
        if part and display_width(part + sign) > width:
            yield part
            part = ""
        part += sign
    yield part
