"""AlpacaEval's annotations: a preference from 1 to 2, and log-probabilities it came from."""

from typing import Any

from assay.formats.judged.layout import Fields, JudgedLayout, Reading, has, question_of, text_of
from assay.formats.judged.tables import Judged, Value, number
from assay.samples import Reason
from assay.solvers.label_shares import LabelShares, label_shares

_LABELS = ("m", "M")
"""What the judge calls the answer that it is shown first, and the other."""
_ROUNDING = 1e-9
"""Files keep ten decimals of a preference."""
_ROUNDED_SUM = 1e-3
"""What rounded log-probabilities may add up to beyond 1; more are none."""


def _read(record: Fields, reading: Reading) -> Judged:
    stored = _preference(record.get("preference"))
    names = [str(record.get(f"generator_{side}", side)) for side in (1, 2)]
    own, other = names[reading.candidate - 1], names[2 - reading.candidate]
    values: dict[str, Value] = {"win_probability": _of_candidate(stored, reading)}
    if not isinstance(stored, Reason):
        lead = 2 * float(values["win_probability"]) - 1
        values["verdict"] = float((lead > 0) - (lead < 0))
        values["win_score"] = values["verdict"] + 1
    else:
        values |= {"verdict": stored, "win_score": stored}
    shares = _shares(record.get("raw_completion"))
    if shares is not None:
        values["coverage"] = shares.coverage
        values["replayed"] = _of_candidate(_replayed(shares, stored), reading)
    return Judged(
        prompt=question_of(record),
        response=text_of(record, f"output_{reading.candidate}"),
        values=values,
        about=f"{own} against {other}",
        names=(own, other),
        rival=text_of(record, f"output_{3 - reading.candidate}"),
        dataset=text_of(record, "dataset") or "",
    )


def _preference(value: object) -> Value:
    """Return a stored preference from 1 to 2; older files write a draw as 0."""
    if value in (0, "0"):
        return 1.5
    if value is None:
        return Reason.PARSE_FAILED  # a reply in which nothing was found
    return number(value, least=1, most=2)


def _of_candidate(preference: Value, reading: Reading) -> Value:
    """Return the probability that the candidate is preferred."""
    if isinstance(preference, Reason):
        return preference
    return preference - 1 if reading.candidate == 2 else 2 - preference


def _shares(completion: Any) -> LabelShares | None:
    """Return how the first token was shared out over the labels; None if that is not recorded."""
    try:
        candidates = completion["logprobs"]["content"][0]["top_logprobs"]
        found = label_shares(((each["token"], each["logprob"]) for each in candidates), _LABELS)
    except (KeyError, IndexError, TypeError, AttributeError, OverflowError):
        return None
    return found if found.shares and found.coverage <= 1 + _ROUNDED_SUM else None


def _replayed(shares: LabelShares, stored: Value) -> Value:
    """Return the preference that the log-probabilities give.

    Which answer was shown first was drawn anew for every row and is not recorded, so they tell it
    but for its direction, which the stored preference has.
    """
    if isinstance(stored, Reason):
        return stored
    first = shares.shares.get(_LABELS[0], 0.0)
    nearest = min((2 - first, 1 + first), key=lambda each: abs(each - stored))
    return nearest if abs(nearest - stored) <= _ROUNDING else Reason.PARSE_FAILED


LAYOUT = JudgedLayout(
    "alpaca_eval",
    "AlpacaEval's annotations: `instruction`, `output_1`, `output_2`, `preference` from 1 to 2, "
    "and `raw_completion` with log-probabilities",
    "win_probability",
    lambda record: has(record, "output_1", "output_2", "preference"),
    _read,
    candidate=2,
)
