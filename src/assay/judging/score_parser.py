"""Numbers in the replies of a judge, read where they were asked for."""

import re
from collections.abc import Sequence
from functools import lru_cache

from assay.judging.answer_places import Form, Grammar, answer_in
from assay.judging.scales import Parsed, Scale
from assay.samples import Reason

# No exponents, no words: "1e1" and "nan" are numbers for Python and for nobody who rates.
_NUMBER = r"-?(?:[0-9]{1,15}(?:\.[0-9]{1,15})?|\.[0-9]{1,15})"
_ANSWER = rf"(?P<number>{_NUMBER})\s*分?(?:\s*(?:/|out\s+of)\s*(?P<top>{_NUMBER})\s*分?)?"
# "The score is not 4" and "the highest score: 5" name a number and give none.
_WORD = (
    r"(?!(?:not|no|never|cannot|can't|don't|without|if|unless|below|above|under|over|least|most"
    r"|max|maximum|min|minimum|highest|lowest|top|possible|perfect|best|worst|example)\b)"
    r"[^\W\d_][\w'\u2019-]{0,30}"
)
_LABEL = (
    rf"(?:(?:{_WORD}\s+){{0,3}}(?:score|rating|grade|result)\b"
    r"|[\u4e00-\u9fff]{0,8}(?:评分|得分|打分|分数|总分))"
    r"\s*(?:is|of|是|为)?\s*[:=]?\s*"
)
_ANY_NUMBER = re.compile(rf"(?<![\w.])(?:{_NUMBER})(?![\w])")


def parse_score(
    text: str | None,
    scale: Scale,
    *,
    form: Form = "first_line",
    finish: str = "stop",
    slots: Sequence[str] = (),
) -> Parsed[float]:
    """Return the number that a reply gives.

    ``4``, ``4.5``, ``4/5``, ``4 out of 5``, ``**4**``, ``Score: 4``, ``The score is 4``, ``4分``
    and the same in full-width signs are read, where `form` wants them and with nothing else there.
    A part of another whole than the highest number of the scale is not, nor is ``4,5``, which may
    be one number or two.

    Args:
        text: the reply alone.
        scale: numbers that may be given.
        form: where the number has to stand.
        finish: why the reply ended; "length" if it was cut.
        slots: data that the judge was shown; what stands there as well is an echo.

    Returns:
        The number; or OUT_OF_RANGE if it is none of the scale, REPLY_TRUNCATED if the reply was cut
        before it was whole, and else PARSE_FAILED, as for two different numbers and a refusal.
    """
    return answer_in(text, _grammar(scale), form=form, finish=finish, slots=slots)


@lru_cache(maxsize=64)
def _grammar(scale: Scale) -> Grammar[float]:
    def value(match: re.Match[str]) -> Parsed[float]:
        if match["top"] is not None and float(match["top"]) != scale.high:
            return Parsed(None, Reason.PARSE_FAILED)
        return scale.parsed(float(match["number"]))

    def denied(before: str, answer: Parsed[float]) -> bool:
        return any(float(found) != answer.value for found in _ANY_NUMBER.findall(before))

    return Grammar(_LABEL, _ANSWER, value, denied)
