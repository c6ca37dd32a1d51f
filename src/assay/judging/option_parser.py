"""Words in the replies of a judge: yes or no, the first or the second, read where asked for."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from assay.judging.answer_places import Form, Grammar, answer_in
from assay.judging.scales import Parsed, Spellings
from assay.samples import Reason

_LABEL = (
    r"(?:(?:the|my|final|overall)\s+){0,3}"
    r"(?:(?:verdict|answer|judge?ment|decision|choice|result|winner|label)\b"
    r"|(?:最终)?(?:结论|判断|答案|选择|裁决))"
    r"\s*(?:is|是|为)?\s*[:=]?\s*"
)
_WORDS = re.compile(r"\w+")


def parse_option(
    text: str | None,
    options: Spellings,
    *,
    form: Form = "first_line",
    finish: str = "stop",
    slots: Sequence[str] = (),
) -> Parsed[str]:
    """Return the label that a reply chooses.

    ``yes``, ``**Yes.**``, ``Verdict: yes``, ``[[A]]``, ``[RESULT] Response B`` are read, where
    `form` wants them and with nothing else there: "yes and no", "not sure" and "Yes, but" are not.

    Args:
        text: the reply alone.
        options: labels that may be chosen, with the ways to write each.
        form: where the word has to stand.
        finish: why the reply ended; "length" if it was cut.
        slots: data that the judge was shown; what stands there as well is an echo.

    Returns:
        The label; or REPLY_TRUNCATED if the reply was cut before it was whole, else PARSE_FAILED.
    """
    given = tuple((label, tuple(spellings)) for label, spellings in options.items())
    return answer_in(text, _grammar(given), form=form, finish=finish, slots=slots)


def label_of(options: Spellings) -> Mapping[str, str]:
    """Return the label that each way to write one stands for, case folded.

    Raises:
        ValueError: if one stands for two.
    """
    found: dict[str, str] = {}
    for label, spellings in options.items():
        for spelling in (label, *spellings):
            if found.setdefault(spelling.casefold(), label) != label:
                raise ValueError(
                    f"{spelling!r} stands for {found[spelling.casefold()]} and {label}"
                )
    return found


@lru_cache(maxsize=64)
def _grammar(options: tuple[tuple[str, tuple[str, ...]], ...]) -> Grammar[str]:
    labels = label_of(dict(options))
    # The longest first, so that no spelling is taken for the beginning of another.
    spellings = sorted(labels, key=lambda spelling: (-len(spelling), spelling))
    answer = "|".join(r"\s+".join(map(re.escape, spelling.split())) for spelling in spellings)
    several = [re.escape(spelling) for spelling in spellings if len(spelling.split()) > 1]

    def value(match: re.Match[str]) -> Parsed[str]:
        said = match.groupdict().get("option") or match.groupdict().get("bare")
        return Parsed(labels[" ".join(str(said).split()).casefold()], Reason.OK)

    def denied(before: str, answer: Parsed[str]) -> bool:
        return False

    bare = rf"(?P<bare>{'|'.join(several)})" if several else None
    return Grammar(_LABEL, rf"[\"'“]?(?P<option>{answer})[\"'”]?", value, denied, bare)
