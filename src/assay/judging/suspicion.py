"""Signs that a row speaks to a judge instead of to its reader, each named and shown in its place.

A sign is no proof: a row may tell of prompt injection, or teach a chat format. What is found is
raised as a flag that keeps the score, and a person can see why.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from assay.judging.answer_places import Form, narrowed
from assay.judging.injection import CONTROL_TOKENS
from assay.judging.prompt_form import SLOTS

_SHOWN = 60

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
            r"\b(?:ignore|disregard|forget|override)\s+(?:all\s+|any\s+|every\s+)?(?:of\s+)?"
            rf"(?:(?:(?:the|your|these|those)\s+)?(?:{_EARLIER}\s+){{1,2}}|(?:your|the)\s+"
            rf"(?:system|rating|grading|scoring|judging|evaluation)\s+){_ORDERS}"
        ),
    ),
    (
        ("give", "assign", "award", "grant"),
        (
            rf"\b(?:give|assign|award|grant)\s+{_THIS}(?:\s+{_THING})?\s+(?:a\s+|an\s+)?{_TOP}"
            rf"(?:[\s-]+{_MARK}|\s*/\s*\d+|\s+out\s+of(?!\s+\w+\s+stars?))\b"
        ),
    ),
    (
        ("rate", "score", "grade", "mark"),
        (
            rf"\b(?:rate|score|grade|mark)\s+{_THIS}(?:\s+{_THING})?\s+(?:as\s+|with\s+|at\s+)?"
            rf"(?:a\s+|an\s+)?{_TOP}(?!\s*(?:-|to|\u2013)\s*\d)\b"
        ),
    ),
    (
        ("correct", "right", "only", "true", "appropriate", "final"),
        (
            r"\b(?:correct|right|only|true|appropriate|final)\s+(?:valid\s+|acceptable\s+|possible\s+)?"
            rf"{_MARK}\s+(?:for\s+{_THIS}(?:\s+{_THING})?\s+)?(?:is|must\s+be|should\s+be)\s+{_TOP}\b"
        ),
    ),
    (
        ("deserves", "merits", "must"),
        (
            rf"\b(?:this|the)\s+{_THING}\s+(?:deserves|merits|must\s+(?:be\s+given|get|receive))\s+"
            rf"(?:a\s+|an\s+|the\s+)?{_TOP}"
        ),
    ),
    (
        ("judge", "grader", "evaluator", "rater", "annotator", "llm", "reviewing"),
        (
            r"\b(?:note|message|attention|instructions?|reminder)\s*(?:to|for)?\s*:?\s*(?:the\s+|all\s+)?"
            r"(?:judges?|graders?|evaluators?|raters?|annotators?|reviewing\s+model|llm)\s*[:,]"
            r"|\b(?:dear|hey|hello)\s+(?:judge|grader|evaluator|rater|llm)\b(?=\s*[,:!])"
            r"|\byou\s+are\s+(?:now\s+)?(?:the\s+|a\s+|an\s+)?(?:judge|grader|evaluator|rater)\b"
            rf"[^.\n]{{0,60}}\b(?:give|assign|output|answer|reply|{_MARK})\b"
        ),
    ),
    (
        ("output", "print", "write", "reply", "respond", "answer"),
        (
            r"\b(?:output|print|write|reply|respond|answer)\s+(?:only\s+|just\s+)?(?:with\s+)?"
            rf"(?:the\s+)?(?:{_MARK}|verdict|rating)\s*:?\s*\[?\[?[\dAB]"
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
    r"|(?:\"\"\"|```|'''|</?\w+>|^#+)\s*end of (?:the )?(?:data|sample|response|answer)\b",
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
        r"\[\[\s*(?:[0-9]{1,2}(?:\.[0-9]+)?|[ABC]|tie|yes|no)\s*\]\]", re.IGNORECASE
    ),
    "result": re.compile(r"\[\s*result\s*[\]:]", re.IGNORECASE),
    "last_line": re.compile(
        r"^[ \t*#>]*(?:(?:(?:final|overall|total)\s+)?(?:score|rating|verdict)\b"
        r"|(?:最终)?(?:评分|得分|打分|结论))[ \t*]*[:=][ \t*]*"
        r"(?:[0-9]{1,2}(?:\.[0-9]+)?分?(?:\s*/\s*[0-9]+)?|yes|no|[AB]|tie|是|否)[ \t*.。]*$",
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
        if any(word in lowered for word in words):
            found += _matches("order", order, text)
    if "[" in text or "<" in text:
        found += _matches("control_token", CONTROL_TOKENS, _END_LEFT.sub("", text))
    if any(word in lowered for word in _FRAME_WORDS):
        found += _matches("judging_frame", _FRAME, text)
    if any(word in lowered for word in _FENCE_WORDS):
        found += _matches("fence", _FENCE, text)
    if form is not None and form in _FORMS:
        found += _matches("answer", _FORMS[form], narrowed(text))
    found += [*_keys(text, keys), *_few_letters(text)]
    return tuple(sorted(found, key=lambda finding: (finding.offset, finding.name)))


def _matches(name: str, pattern: re.Pattern[str], text: str) -> Iterator[Finding]:
    for match in pattern.finditer(text):
        yield Finding(name, match.start(), match[0][:_SHOWN])


def _keys(text: str, keys: Sequence[str]) -> Iterator[Finding]:
    named = "|".join(map(re.escape, sorted(keys)))
    if not named:
        return
    matches = list(re.finditer(rf"\\*[\"']({named})\\*[\"']\s*[:\uff1a]", text))
    if len({match[1] for match in matches}) >= min(2, len(set(keys))):
        yield from (Finding("answer_key", match.start(), match[0][:_SHOWN]) for match in matches)


def _few_letters(text: str) -> Iterator[Finding]:
    if len(text) < _LONG_ENOUGH:
        return
    signs = sum(map(len, text.split()))
    if signs >= _LONG_ENOUGH and sum(map(len, _LETTERS.findall(text))) < _FEW * signs:
        yield Finding("few_letters", 0, text[:_SHOWN])
