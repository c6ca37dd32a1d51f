"""Numbers, texts and lists as people read them: one vocabulary for terminal and page."""

import json
import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

_MINUS = "\N{MINUS SIGN}"
_SECONDS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_UNSEEN = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Controls, marks of direction and format, fillers, tags, halves of pairs: all that can move a
cursor, turn a line around or hide in it. Line break and tab are not among them."""
# Between two letters or pictures the joiners are spelling: Persian words, families of emoji.
_SEEN = r"[^\x00-\x9f\u200b-\u200f]"
_UNSEEN_OR_JOINER = re.compile(rf"(?<={_SEEN})[\u200c\u200d](?={_SEEN})|([{_UNSEEN}])")
_UNSEEN_IN_JSON = re.compile(f"[{_UNSEEN}]")
_FRACTIONS = (
    (1 / 4, "a quarter"), (1 / 3, "one third"), (1 / 2, "half"), (2 / 3, "two thirds"),
    (3 / 4, "three quarters"),
)  # fmt: skip
_NEAR = 0.01
NOTHING = "\N{EN DASH}"
# Paths from the root, from home or a drive: in quotes, pinned by a digest, or up to a blank.
_FROM_ROOT = r"(?:~|[A-Za-z]:)?[/\\]"
_PATH = re.compile(
    rf"(?P<quote>['\"])(?P<quoted>{_FROM_ROOT}[^'\"\n]*)(?P=quote)"
    rf"|(?<![\w/.~:\\<-])(?P<pinned>{_FROM_ROOT}[^=@'\"\n]*)(?=@[0-9a-f]{{12}})"
    rf"|(?<![\w/.~:\\<-])(?P<plain>{_FROM_ROOT}[^\s'\"<>|,;()\[\]{{}}=]+)"
)


def nats(value: float) -> str:
    """Return a loss: 1.2346."""
    return f"{value:.4f}".replace("-", _MINUS) if math.isfinite(value) else NOTHING


def signed(value: float) -> str:
    """Return a difference with its sign: -0.0123, +0.0040, 0.0000."""
    text = f"{value:+.4f}"
    return "0.0000" if text in ("+0.0000", "-0.0000") else text.replace("-", _MINUS)


def interval(low: float, high: float) -> str:
    """Return an interval of differences: -0.0200 to -0.0046."""
    return f"{signed(low)} to {signed(high)}"


def bounds(low: float, high: float) -> str:
    """Return an interval of correlations, behind the correlation itself: [0.40, 0.61]."""
    return f"[{low:.2f}, {high:.2f}]"


def capitalised(text: str) -> str:
    """Return a text that begins with a capital: "Win rate"; `str.capitalize` lowers the rest."""
    return text[:1].upper() + text[1:]


def p_value(p: float) -> str:
    """Return a p-value: 0.013, or < 0.001."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def count(value: float) -> str:
    """Return a whole number with separators: 12,345."""
    return f"{value:,.0f}" if math.isfinite(value) else NOTHING


def short_count(value: float) -> str:
    """Return a number of at most four signs: 950, 5.2k, 1.3M."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= 0.9995 * size:
            scaled = value / size
            return f"{scaled:.3g}{letter}" if scaled < 999.5 else f"{scaled:.0f}{letter}"
    return f"{value:.0f}"


def seconds(value: float) -> str:
    """Return a duration: 0 s, 0.4 s, 48 s, 3.2 min, 5.0 h."""
    if not math.isfinite(value):
        return NOTHING
    for size, unit in _SECONDS:
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.0f} s" if value >= 10 or value == 0 else f"{value:.1f} s"


def flops(value: float) -> str:
    """Return an amount of arithmetic: 0, 3.2 · 10¹⁵."""
    if not math.isfinite(value):
        return NOTHING
    if value < 1000:
        return f"{value:.0f}"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}\N{NO-BREAK SPACE}·\N{NO-BREAK SPACE}10{power_sign(int(exponent))}"


def power_sign(exponent: int) -> str:
    """Return an exponent in superscript."""
    return str(exponent).translate(_SUPERSCRIPTS)


def times(value: float | None) -> str:
    """Return a ratio, to be followed by "times": 0.85, 2.4, 31; a dash for None."""
    if value is None:
        return NOTHING
    return f"{value:,.{0 if value >= 10 else 1 if value >= 1 else 2}f}"


def whole_percent(share: float) -> str:
    """Return a share: 5 %, 80 %."""
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


_CONSONANT_Y = re.compile(r"(?<=[^aeiou])y$")


def number_of(count: int, what: str) -> str:
    """Return how many there are: 1 seed, 3 seeds, 3 replies."""
    if count == 1:
        return f"{count:,} {what}"
    return f"{count:,} {_CONSONANT_Y.sub('ie', what)}s"


def listed(words: Sequence[str]) -> str:
    """Return words in one phrase: a, b and c."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def cell_text(value: object) -> str:
    """Return a value as a person reads it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return number_text(value)
    return plain(str(value))


def number_text(value: float) -> str:
    """Return a number with four significant digits; a dash where there is none."""
    if math.isnan(value):
        return "-"
    if value.is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def plain(text: str) -> str:
    r"""Return text in which all that cannot be seen is spelled: \x1b, \u202e, \U000e0041.

    Every word of data passes here on its way to a screen or a page, so that no row can move the
    cursor, write the clipboard, or show what it does not say.
    """
    return _UNSEEN_OR_JOINER.sub(lambda found: _spelled(found[0]) if found[1] else found[0], text)


def readable_name(name: str) -> str:
    """Return a file's name as text; bytes of it that are not UTF-8 become U+FFFD."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def without_folders(text: str, known: Iterable[str] = ()) -> str:
    """Return a text in which files and folders go by their names alone, not by where they lie.

    For what is sent to others: where somebody's models and data lie, and what their home is called,
    is nobody's business. Digests stay, addresses and relative paths too.

    Args:
        text: that may speak of paths; one with a blank in it is found in quotes, before a digest,
            below home, or if it is known.
        known: paths that it may speak of.
    """
    for path in sorted({path for path in known if _is_from_root(path)}, key=len, reverse=True):
        text = text.replace(path, _last(path))
    for root in (Path(os.environ.get("HOME", "/")), Path.cwd()):
        if root != root.parent:
            text = re.sub(rf"(?<![\w/.-]){re.escape(str(root))}/(?=\w)", "/", text)
    return _PATH.sub(_last_part, text)


def _is_from_root(path: str) -> bool:
    return re.match(_FROM_ROOT, path) is not None


def _last(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1] or "/"


def _last_part(found: "re.Match[str]") -> str:
    path = found["quoted"] or found["pinned"] or found["plain"]
    trail = re.search(r"[.:]*$", path) if found["plain"] else None
    after = trail[0] if trail else ""
    name = _last(path.removesuffix(after))
    quote = found["quote"] or ""
    return f"{quote}{name}{after}{quote}"


def all_without_folders(content: Any) -> Any:
    """Return plain content in which every text is `without_folders`; keys stay as they are."""
    if isinstance(content, str):
        return without_folders(content)
    if isinstance(content, Mapping):
        return {key: all_without_folders(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [all_without_folders(value) for value in content]
    return content


def _spelled(character: str) -> str:
    point = ord(character)
    if 0xDC80 <= point <= 0xDCFF:  # a byte of a file name that is not UTF-8
        return "\ufffd"
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def json_text(content: Any) -> str:
    """Return content as JSON in which all that cannot be seen is escaped; NaN is null."""
    text = json.dumps(jsonable(content), ensure_ascii=False, indent=2)
    return _UNSEEN_IN_JSON.sub(lambda found: json.dumps(found[0])[1:-1], text)


def one_line(text: str, length: int) -> str:
    """Return the beginning of a text as one line of at most `length` characters."""
    line = " ".join(plain(text[: length * 4]).split())
    return line if len(line) <= length and len(text) <= length * 4 else line[: length - 1] + "…"


def size_text(size_bytes: float) -> str:
    """Return a number of bytes as a person says it."""
    for unit in ("B", "KiB", "MiB"):
        if size_bytes < 1024:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} GiB"


def jsonable(content: Any) -> Any:
    """Return content in which JSON can hold everything: NaN is null, unknown types are text."""
    if isinstance(content, Mapping):
        return {str(key): jsonable(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [jsonable(value) for value in content]
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if content is None or isinstance(content, (str, int, bool)):
        return content
    return str(content)


def percent(share: float | None) -> str:
    """Return a share in per cent with no more digits than it deserves; a dash without one."""
    if share is None:
        return "-"
    if 0 < share < 0.001:
        return "< 0.1 %"
    if 0.999 < share < 1:
        return "> 99.9 %"
    digits = 1 if share < 0.1 or share > 0.99 else 0
    text = f"{100 * share:.{digits}f}"
    return f"{text.removesuffix('.0')} %"


def part(share: float) -> str:
    """Return a share in words where one fits within a point, else in per cent."""
    if share == 1:
        return "all"
    for value, words in _FRACTIONS:
        if abs(share - value) <= _NEAR:
            return words
    return percent(share)


def amount(value: float) -> str:
    """Return a large number to three digits, a small one whole."""
    for size, unit in ((1e9, " billion"), (1e6, " million")):
        if value >= 0.9995 * size:
            return f"{value / size:.3g}{unit}"
    if value >= 10_000:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:,.0f}"


def quantity(value: float) -> str:
    """Return a measured number with as many digits as a reader needs."""
    if value >= 1e6:
        return amount(value)
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"
