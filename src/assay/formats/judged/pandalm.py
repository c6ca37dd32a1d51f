"""PandaLM's test set: three people's votes on two answers, and judges' verdicts on the same."""

from collections import Counter
from collections.abc import Sequence

from assay.formats.faults import Fault, UnusableRecordError
from assay.formats.judged.layout import (
    Fields,
    JudgedLayout,
    Reading,
    has,
    in_order,
    key_of,
    question_of,
    text_of,
)
from assay.formats.judged.tables import Judged, Pair, Value, sign_of, turned
from assay.samples import Reason

_PEOPLE = ("annotator1", "annotator2", "annotator3")
_RESULT = "_result"
_VOTES = {
    "0": Pair(0.5, 0.5), "tie": Pair(0.5, 0.5), "1": Pair(1.0, 0.0), "2": Pair(0.0, 1.0),
}  # fmt: skip
_FAILED = Pair(Reason.PARSE_FAILED, Reason.PARSE_FAILED)


def _vote(value: object) -> Pair:
    """Return a vote; what a judge said that is none of the three has no outcome."""
    return _VOTES.get(str(value).strip().lower(), _FAILED)


def _sides(record: Fields, reading: Reading) -> tuple[str | None, str | None]:
    answer = text_of(record, f"response{reading.candidate}")
    return question_of(record), answer


def _names(record: Fields, reading: Reading) -> tuple[str, str]:
    """Return what the two answers are called; the key of a pair names both models."""
    models = (text_of(record, "cmp_key") or "").split("_")
    first, second = models if len(models) == 2 else ("response1", "response2")
    return (first, second) if reading.candidate == 1 else (second, first)


def _read_people(record: Fields, reading: Reading) -> Judged:
    votes = [_vote(record[name]) for name in _PEOPLE]
    prompt, response = _sides(record, reading)
    own = votes if reading.candidate == 1 else [turned(vote) for vote in votes]
    return Judged(
        key=key_of(record, "idx"),
        prompt=prompt,
        response=response,
        values=dict(zip(_PEOPLE, map(sign_of, own), strict=True)),
        orders=in_order(_majority(votes), reading),
        names=_names(record, reading),
        rival=text_of(record, f"response{3 - reading.candidate}"),
    )


def _majority(votes: Sequence[Pair]) -> Pair:
    """Return what most say; where each of three says something else, the sides are level."""
    if any(vote == _FAILED for vote in votes):
        return _FAILED
    (vote, count), *_ = Counter(votes).most_common()
    return vote if count > 1 else _VOTES["tie"]


def _results(record: object) -> list[str]:
    return [name for name in record if name.endswith(_RESULT)] if isinstance(record, dict) else []


def _read_judge(record: Fields, reading: Reading) -> Judged:
    names = _results(record)
    if len(names) != 1:
        raise UnusableRecordError(Fault.MISSING_FIELD, f"{len(names)} fields end in {_RESULT!r}")
    prompt, response = _sides(record, reading)
    values: dict[str, Value] = {}
    return Judged(
        key=key_of(record, "idx"),
        prompt=prompt,
        response=response,
        values=values,
        orders=in_order(_vote(record[names[0]]), reading),
        names=_names(record, reading),
        rival=text_of(record, f"response{3 - reading.candidate}"),
    )


PEOPLE = JudgedLayout(
    "pandalm",
    "PandaLM's test set: `idx`, `instruction`, `input`, `response1`, `response2`, and the votes "
    "`annotator1` to `annotator3` (0 a tie, 1, 2); the majority's",
    "win_score",
    lambda record: has(record, "idx", *_PEOPLE),
    _read_people,
    candidate=1,
)
JUDGE = JudgedLayout(
    "pandalm_judge",
    "verdicts of a judge on PandaLM's test set: `idx` and `gpt_result`, `pandalm_result` or "
    "another field of that ending",
    "win_score",
    lambda record: has(record, "idx") and len(_results(record)) == 1,
    _read_judge,
    candidate=1,
)
