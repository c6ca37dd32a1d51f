"""Where in a reply the answer stands: the one place that the prompt has asked for it, or nowhere.

A reply is free text by a model that has read hostile data. So an answer counts at the place where
it was asked for and nowhere else, whole and alone there; two that differ are none; and what the
data say themselves is an echo, whoever repeats it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, Literal, TypeVar

from assay.judging.scales import Parsed
from assay.samples import Reason

ValueType = TypeVar("ValueType")
Form = Literal["first_line", "last_line", "result", "brackets"]
"""Where an answer has to stand.

"first_line": alone on the first line that is not blank, as AlpaGasus asks for it.
"last_line": at the end of the last line, after a word for it: ``Score: 4``.
"result": after ``[RESULT]``, as Prometheus writes it, or in another tag of its own.
"brackets": in double brackets, ``[[4]]``, as MT-bench asks for it.
"""
FORMS: tuple[Form, ...] = ("first_line", "last_line", "result", "brackets")

_WIDE = {0xFF00 + code: 0x20 + code for code in range(0x01, 0x5F)}
_FOLDED = {**_WIDE, 0x3000: " ", 0x2212: "-", 0x3010: "[", 0x3011: "]", 0x200B: None, 0xFEFF: None}
# A star or an underscore between letters or digits is no emphasis: 4*5 is not 45.
_EMPHASIS = re.compile(r"(?<![0-9A-Za-z])[*_`]+|[*_`]+(?![0-9A-Za-z])")
_BLANKS = re.compile(r"(?: [^\S\n]|[^\S\n ])[^\S\n]*")  # all but a single space: it stays
_HEADING = re.compile(r"^[\s#>]+", re.MULTILINE)
_LINE = re.compile(r"[^\r\n]+")
_RESULT = re.compile(r"\[\s*result\s*\]\s*:?\s*(?P<rest>[^\n]*)", re.IGNORECASE)
_RESULT_IN = re.compile(r"\[\s*result\s*:\s*(?P<rest>[^\]\n]*)\]", re.IGNORECASE)
_BRACKETS = re.compile(r"\[\[(?P<rest>[^\[\]\n]{1,60})\]\]")
_FENCE = re.compile(r"\[(?:BEGIN|END) ")
_END = r"\s*[.!。]?\s*"


@dataclass(frozen=True)
class Grammar(Generic[ValueType]):
    """How an answer is written.

    Attributes:
        label: pattern of the words before it: "Score:".
        answer: pattern of the answer itself.
        bare: pattern of an answer in a tag of its own at the end, such as ``[Response B]``, if it
            needs no label there.
        value: what an answer means, from the match of its pattern.
        denied: whether the words before it on its line say something else.
    """

    label: str
    answer: str
    value: Callable[[re.Match[str]], Parsed[ValueType]]
    denied: Callable[[str, Parsed[ValueType]], bool]
    bare: str | None = None

    @cached_property
    def alone(self) -> re.Pattern[str]:
        """Match of an answer that is all of a line, with or without its label."""
        inner = rf"(?P<open>\()?{self.answer}(?(open)\))"
        return re.compile(rf"(?:{self.label})?{inner}{_END}", re.IGNORECASE)

    @cached_property
    def labelled(self) -> re.Pattern[str]:
        """Match of a line that ends in a label and an answer, a sentence of its own."""
        before = r"(?P<before>(?:.*?[.!?;。)\]])?)\s*"
        return re.compile(rf"{before}(?:{self.label}){self.answer}{_END}", re.IGNORECASE)

    @cached_property
    def heading(self) -> re.Pattern[str]:
        """Match of a line that is a label and nothing else."""
        return re.compile(rf"(?:{self.label})\s*", re.IGNORECASE)

    @cached_property
    def tagged(self) -> re.Pattern[str]:
        """Match of a line that ends in brackets with an answer: ``(Score 4)``."""
        inner = rf"(?:{self.label}){self.answer}" if self.bare is None else self.bare
        return re.compile(rf"(?P<before>.*)[\[(]\s*(?:{inner})\s*[\])]{_END}", re.IGNORECASE)


def answered(text: str | None) -> str:
    """Return what a reply says after the thoughts that some models write before it.

    An end without a beginning counts, for servers take the beginning for a part of the prompt.
    """
    return (text or "").rpartition("</think>")[2]


def narrowed(text: str) -> str:
    """Return a text of the same length with full-width signs as ASCII."""
    return text.translate(_WIDE)


def folded(text: str) -> str:
    """Return a text with full-width signs as ASCII, without emphasis and marks of headings.

    Of several blanks one is left, so that no run of them can keep a pattern busy.
    """
    narrow = text if text.isascii() else text.translate(_FOLDED)
    plain = _BLANKS.sub(" ", narrow.replace("\r", "\n"))
    if "*" in plain or "_" in plain or "`" in plain:
        plain = _EMPHASIS.sub("", plain)
    return _HEADING.sub("", plain)


def lines_of(text: str) -> list[str]:
    """Return the lines of a text that are not blank, without outer blanks."""
    return [line for found in _LINE.findall(text) if (line := found.strip())]


def answer_in(
    text: str | None,
    grammar: Grammar[ValueType],
    *,
    form: Form,
    finish: str = "stop",
    slots: Sequence[str] = (),
) -> Parsed[ValueType]:
    """Return the answer that a reply gives at the place where it has to stand.

    Args:
        text: the reply alone, never together with what was asked; None is no reply.
        grammar: how an answer is written.
        form: where it has to stand.
        finish: why the reply ended; "length" if it was cut.
        slots: data that the judge was shown. An answer that stands there as well is an echo, for
            nobody can tell it from one.

    Returns:
        The value; or OUT_OF_RANGE, REPLY_TRUNCATED if it was cut before the answer was whole, and
        else PARSE_FAILED.
    """
    reply = folded(answered(text))
    cut = finish == "length"
    found = set(_answers(reply, grammar, form, cut=cut))
    if not found:
        return Parsed(None, Reason.REPLY_TRUNCATED if cut else Reason.PARSE_FAILED)
    answer = found.pop()
    if found:
        return Parsed(None, Reason.PARSE_FAILED)
    if answer.value is not None and _is_echo(reply, answer, grammar, form, slots):
        return Parsed(None, Reason.PARSE_FAILED)
    return answer


def _answers(
    reply: str, grammar: Grammar[ValueType], form: Form, *, cut: bool
) -> Iterator[Parsed[ValueType]]:
    if form == "first_line":
        yield from _on_first_line(reply, grammar, cut=cut)
    elif form == "last_line":
        if not cut:  # the last line of all is still to come
            yield from _labelled(lines_of(reply)[-1:], grammar)
    elif form == "brackets":
        for tag in _BRACKETS.finditer(reply):
            if match := grammar.alone.fullmatch(tag["rest"].strip()):
                yield grammar.value(match)
    else:
        yield from _in_tags(reply, grammar, cut=cut)


def _on_first_line(
    reply: str, grammar: Grammar[ValueType], *, cut: bool
) -> Iterator[Parsed[ValueType]]:
    lines = lines_of(reply)
    if len(lines) > 1 and grammar.heading.fullmatch(lines[0]):
        lines[:2] = [f"{lines[0]} {lines[1]}"]
    whole = len(lines) > 1 or reply.endswith("\n") or not cut
    if lines and whole and (match := grammar.alone.fullmatch(lines[0])):
        yield grammar.value(match)


def _labelled(
    lines: Sequence[str], grammar: Grammar[ValueType], *, tagged: bool = False
) -> Iterator[Parsed[ValueType]]:
    for line in lines:
        match = grammar.labelled.fullmatch(line)
        if match is None and tagged:
            match = grammar.tagged.fullmatch(line)
        if match is None:
            continue
        answer = grammar.value(match)
        if not grammar.denied(match["before"], answer):
            yield answer


def _in_tags(reply: str, grammar: Grammar[ValueType], *, cut: bool) -> Iterator[Parsed[ValueType]]:
    tags = [*_RESULT.finditer(reply), *_RESULT_IN.finditer(reply)]
    for tag in tags:
        whole = not cut or tag.end() < len(reply)
        match = grammar.alone.fullmatch(tag["rest"].strip())
        if whole:
            yield grammar.value(match) if match else Parsed(None, Reason.PARSE_FAILED)
    if not tags and not cut:
        yield from _labelled(lines_of(reply)[-1:], grammar, tagged=True)


def _is_echo(
    reply: str,
    answer: Parsed[ValueType],
    grammar: Grammar[ValueType],
    form: Form,
    slots: Sequence[str],
) -> bool:
    """Return whether the data that were shown say the same at a place that would count.

    A number alone is too common for that: it is an echo with the line after it, or if nothing
    follows it.
    """
    shown = [folded(slot) for slot in slots]
    if form == "first_line":
        return _repeats(lines_of(reply)[:2], {line for slot in shown for line in lines_of(slot)})
    for slot in shown:
        lines = lines_of(slot)
        said = set(_labelled(lines, grammar)) if form == "last_line" else set()
        if form in ("result", "brackets"):
            said = set(_answers(slot, grammar, form, cut=False))
            said |= set(_labelled(lines, grammar, tagged=True))
        if answer in said:
            return True
    return False


def _repeats(opening: Sequence[str], shown: AbstractSet[str]) -> bool:
    """Return whether the first lines of a reply are among those that were shown."""
    if opening[0] not in shown:
        return False
    if len(opening) < 2 or opening[1] in shown or _FENCE.match(opening[1]):
        return True
    # The end of an echo may have been cut.
    return any(line.startswith(opening[1]) for line in shown)
