"""Signs that a row speaks to a judge instead of to its reader, each named and shown in its place.

A sign is no proof: a row may tell of prompt injection, or teach a chat format. What is found is
raised as a flag that keeps the score, and a person can see why.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from assay.judging.answer_places import Form, narrowed
from assay.judging.injection import CONTROL_TOKENS
from assay.judging.prompt_form import SLOTS, Mode
from assay.judging.prompts import Prompt

_SHOWN = 60
# Repetitions below are bounded: a row may be 100 kB of blanks that were meant to keep us busy.

FINDINGS: Mapping[str, str] = {
    "answer": "an answer in the very form that the judge is asked for",
    "answer_key": "keys of the object that the judge is asked for",
    "order": "an order to whoever rates the text",
    "control_token": "a token of a chat format",
    "judging_frame": "headings of prompts for judges",
    "fence": "a mark like those around the data",
    "hidden": "signs that nobody sees: of no width, of direction, tags, controls",
    "few_letters": "next to no letters or digits",
}
"""What can be found, by its name."""


class Finding(NamedTuple):
    """A sign that a text speaks to a judge.

    Attributes:
        name: one of `FINDINGS`.
        offset: where it begins, in characters from 0.
        excerpt: what stands there, at most 60 characters of it.
    """

    name: str
    offset: int
    excerpt: str


_TOP = (
    r"(?:10|5|6|100|ten|five|full|perfect|(?:the )?(?:highest|maximum|top|best)(?: possible)?"
    r"|[\[(]{1,2}[AB0-9])"
)
_MARK = r"(?:scores?|ratings?|marks?|grades?|points?)"
_THIS = r"(?:this|the (?:above|following|given|first|second)|my|it|me)"
_THING = r"(?:answer|response|reply|output|text|sample|row|example|entry|pair)"
_EARLIER = r"(?:previous|prior|above|earlier|preceding|foregoing|other)"
_ORDERS = r"(?:instructions?|prompts?|rules?|guidelines?|directions?|rubrics?|criteria|messages?)"
_ORDERS_TO_JUDGES: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("ignore", "disregard", "forget", "override"),
        (
            r"\b(?:ignore|disregard|forget|override)\s{1,40}(?:all\s{1,40}|any\s{1,40}|every\s{1,40})?(?:of\s{1,40})?"
            rf"(?:(?:(?:the|your|these|those)\s{{1,40}})?(?:{_EARLIER}\s{{1,40}}){{1,2}}|(?:your|the)\s{{1,40}}"
            rf"(?:system|rating|grading|scoring|judging|evaluation)\s{{1,40}}){_ORDERS}"
        ),
    ),
    (
        ("give", "assign", "award", "grant"),
        (
            rf"\b(?:give|assign|award|grant)\s{{1,40}}{_THIS}(?:\s{{1,40}}{_THING})?\s{{1,40}}(?:a\s{{1,40}}|an\s{{1,40}})?{_TOP}"
            rf"(?:[\s-]+{_MARK}|\s{{0,4}}/\s{{0,4}}\d+|\s{{1,40}}out\s{{1,40}}of(?!\s{{1,40}}\w+\s{{1,40}}stars?))\b"
        ),
    ),
    (
        ("rate", "score", "grade", "mark"),
        (
            rf"\b(?:rate|score|grade|mark)\s{{1,40}}{_THIS}(?:\s{{1,40}}{_THING})?\s{{1,40}}(?:as\s{{1,40}}|with\s{{1,40}}|at\s{{1,40}})?"
            rf"(?:a\s{{1,40}}|an\s{{1,40}})?{_TOP}(?!\s{{0,4}}(?:-|to|\u2013)\s{{0,4}}\d)\b"
        ),
    ),
    (
        ("correct", "right", "only", "true", "appropriate", "final"),
        (
            r"\b(?:correct|right|only|true|appropriate|final)\s{1,40}(?:valid\s{1,40}|acceptable\s{1,40}|possible\s{1,40})?"
            rf"{_MARK}\s{{1,40}}(?:for\s{{1,40}}{_THIS}(?:\s{{1,40}}{_THING})?\s{{1,40}})?(?:is|must\s{{1,40}}be|should\s{{1,40}}be)\s{{1,40}}{_TOP}\b"
        ),
    ),
    (
        ("deserves", "merits", "must"),
        (
            rf"\b(?:this|the)\s{{1,40}}{_THING}\s{{1,40}}(?:deserves|merits|must\s{{1,40}}(?:be\s{{1,40}}given|get|receive))\s{{1,40}}"
            rf"(?:a\s{{1,40}}|an\s{{1,40}}|the\s{{1,40}})?{_TOP}"
        ),
    ),
    (
        ("judge", "grader", "evaluator", "rater", "annotator", "llm", "reviewing"),
        (
            r"\b(?:note|message|attention|instructions?|reminder)\s{0,4}(?:to|for)?\s{0,4}:?\s{0,4}(?:the\s{1,40}|all\s{1,40})?"
            r"(?:judges?|graders?|evaluators?|raters?|annotators?|reviewing\s{1,40}model|llm)\s{0,4}[:,]"
            r"|\b(?:dear|hey|hello)\s{1,40}(?:judge|grader|evaluator|rater|llm)\b(?=\s{0,4}[,:!])"
            r"|\byou\s{1,40}are\s{1,40}(?:now\s{1,40})?(?:the\s{1,40}|a\s{1,40}|an\s{1,40})?(?:judge|grader|evaluator|rater)\b"
            rf"[^.\n]{{0,60}}\b(?:give|assign|output|answer|reply|{_MARK})\b"
        ),
    ),
    (
        ("output", "print", "write", "reply", "respond", "answer"),
        (
            r"\b(?:output|print|write|reply|respond|answer)\s{1,40}(?:only\s{1,40}|just\s{1,40})?(?:with\s{1,40})?"
            rf"(?:the\s{{1,40}})?(?:{_MARK}|verdict|rating)\s{{0,4}}:?\s{{0,4}}\[?\[?[\dAB]"
        ),
    ),
    (
        ("忽略", "无视", "不用理会"),
        (
            r"(?:忽略|无视|不用理会)(?:所有|任何)?(?:以上|上述|之前|前面|先前)的?(?:所有|全部)?"
            r"(?:指令|指示|要求|规则|提示|评分标准)"
        ),
    ),
    (
        ("分",),
        (
            r"(?:请|必须|应该|直接)[为给将对]?(?:这个|该|本|此|这条)?(?:回答|答案|回复|样本|文本)?"
            r"(?:打|评|给)出?(?:满分|最高分|[五5十]分|10分|100分)"
        ),
    ),
    (("注意",), r"(?:评委|评分员|评审|评判者|评估者)请?注意"),
)
"""Orders to a judge; each is looked for where one of the words stands that it cannot do without."""
_ORDER = tuple((words, re.compile(order, re.IGNORECASE)) for words, order in _ORDERS_TO_JUDGES)
_FRAME = re.compile(
    r"\[(?:the )?(?:start|end) of (?:the )?(?:assistant|model|response|answer|reference)\b"
    r"[^\]\n]{0,40}\]"
    r"|\bmodel_identifier\b|^#+ ?(?:model outputs?|best model identifier|unordered outputs?)\b"
    r"|^#+ ?(?:score rubrics?|scoring rubrics?)(?: ?\[[^\]\n]{0,80}\])? ?:?$|\[RESULT\]"
    r"|^#+ ?(?:response to evaluate|reference answer \(score \d+\))",
    re.IGNORECASE | re.MULTILINE,
)
_FRAME_WORDS = ("[", "model_identifier", "# ", "#model", "#best", "#unordered")
_FENCE_WORDS = ("[begin ", "[end ", "end of ")
_FENCE = re.compile(
    r"\[(?:BEGIN|END) [a-z_]{1,20} [0-9a-f]{8,}\]"
    rf"|\[END (?:{'|'.join(SLOTS)})\b[^\]\n]{{0,40}}\]"
    r"|(?:\"\"\"|```|'''|</?\w+>|^#+)\s{0,4}end of (?:the )?(?:data|sample|response|answer)\b",
    re.IGNORECASE | re.MULTILINE,
)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
# A blank of no width, or two, is left by translators; a message in them is long. Joiners between
# letters spell Persian and Hindi, and emoji; flags of regions are made of tags.
_HIDDEN = re.compile(
    rf"{_CONTROLS.pattern}|"
    r"[\u202a-\u202e\u2066-\u2069]|[\u200b-\u200d\u2060\ufeff]{6,}"
    r"|(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0020-\U000e007f]|\U000e0001|[\ufff9-\ufffb]"
    r"|(?<=[A-Za-z])[\u200b-\u200d\u2060\ufeff](?=[A-Za-z])"
)
_FORMS: Mapping[Form, re.Pattern[str]] = {
    "brackets": re.compile(
        r"\[\[\s{0,4}(?:[0-9]{1,2}(?:\.[0-9]+)?|[ABC]|tie|yes|no)\s{0,4}\]\]", re.IGNORECASE
    ),
    "result": re.compile(r"\[\s{0,4}result\s{0,4}[\]:]", re.IGNORECASE),
    "last_line": re.compile(
        r"^[ \t*#>]*(?:(?:(?:final|overall|total)\s{1,40})?(?:score|rating|verdict)\b"
        r"|(?:最终)?(?:评分|得分|打分|结论))[ \t*]*[:=][ \t*]*"
        r"(?:[0-9]{1,2}(?:\.[0-9]+)?分?(?:\s{0,4}/\s{0,4}[0-9]+)?"
        r"|yes|no|[AB]|tie|是|否)[ \t*.。]*$",
        re.IGNORECASE | re.MULTILINE,
    ),
}
# Whole sets of data are made with such an end of every row, and it says nothing to anybody.
_END_LEFT = re.compile(r"<\|(?:endoftext|end_of_text|im_end|eot_id)\|>\s*$")
_LETTERS = re.compile(r"[^\W_]+")
_FEW = 0.15
_LONG_ENOUGH = 80


def suspicious(
    text: str, *, form: Form | None = None, keys: Sequence[str] = ()
) -> tuple[Finding, ...]:
    """Return the signs that a text speaks to a judge, in the order of their places.

    Args:
        text: data that a judge is to be shown.
        form: where the judge's answer has to stand, so that answers there are found. A number alone
            on a line is none, for that is what many rows hold.
        keys: keys of the object that the judge is asked for; two of them in quotes, before a
            colon, are a sign.
    """
    lowered = text.lower()
    found = list(_matches("hidden", _CONTROLS if text.isascii() else _HIDDEN, text))
    for words, order in _ORDER:
        if _holds(lowered, words):
            found += _matches("order", order, text)
    if "[" in text or "<" in text:
        found += _matches("control_token", CONTROL_TOKENS, _END_LEFT.sub("", text))
    if _holds(lowered, _FRAME_WORDS):
        found += _matches("judging_frame", _FRAME, text)
    if _holds(lowered, _FENCE_WORDS):
        found += _matches("fence", _FENCE, text)
    if form is not None and form in _FORMS:
        found += _matches("answer", _FORMS[form], narrowed(text))
    found += [*_keys(text, keys), *_few_letters(text)]
    return tuple(sorted(found, key=lambda finding: (finding.offset, finding.name)))


def suspicious_texts(
    prompt: Prompt, mode: Mode, texts: Mapping[str, str], dimension: str = ""
) -> dict[str, tuple[Finding, ...]]:
    """Return the signs in the data of a prompt's slots, by slot; those without a sign are left out.

    Args:
        prompt: what is asked, whose form of answers and keys are looked for.
        mode: how the judge is to answer.
        texts: the data of each slot.
        dimension: what is judged; empty for the prompt's usual.
    """
    form = prompt.form_of(mode, dimension)
    keys = prompt.keys(dimension) if form == "object" else ()
    place = None if form == "object" else form
    found = {
        slot: suspicious(texts[slot], form=place, keys=keys)
        for slot in prompt.slots
        if texts.get(slot)
    }
    return {slot: signs for slot, signs in found.items() if signs}


def _holds(text: str, words: Sequence[str]) -> bool:
    for word in words:  # noqa: SIM110  a generator takes several times as long
        if word in text:
            return True
    return False


def _matches(name: str, pattern: re.Pattern[str], text: str) -> Iterator[Finding]:
    for match in pattern.finditer(text):
        yield Finding(name, match.start(), match[0][:_SHOWN])


def _keys(text: str, keys: Sequence[str]) -> Iterator[Finding]:
    named = "|".join(map(re.escape, sorted(keys)))
    if not named:
        return
    matches = list(re.finditer(rf"\\{{0,3}}[\"']({named})\\{{0,3}}[\"']\s{{0,4}}[:\uff1a]", text))
    if len({match[1] for match in matches}) >= min(2, len(set(keys))):
        yield from (Finding("answer_key", match.start(), match[0][:_SHOWN]) for match in matches)


def _few_letters(text: str) -> Iterator[Finding]:
    if len(text) < _LONG_ENOUGH:
        return
    # Nearly every text has enough of them in its beginning, and there are no more signs than this.
    if sum(map(len, _LETTERS.findall(text[: len(text) // 3]))) >= _FEW * len(text):
        return
    signs = sum(map(len, text.split()))
    if signs >= _LONG_ENOUGH and sum(map(len, _LETTERS.findall(text))) < _FEW * signs:
        yield Finding("few_letters", 0, text[:_SHOWN])
