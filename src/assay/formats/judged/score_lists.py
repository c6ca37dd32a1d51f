"""Scores without ids, one for each row of a data set, as DS2 publishes them."""

from collections.abc import Sequence
from typing import Any

from assay.formats.judged.layout import JudgedLayout, Reading
from assay.formats.judged.tables import Judged, Value, number
from assay.samples import Reason

_DIMENSIONS = ("rarity", "complexity", "informativeness", "overall")
_LOWEST, _HIGHEST = 4, 9


def is_score(value: object) -> bool:
    """Is this one entry of such a list: a number, four of them, or nothing?"""
    if isinstance(value, list):
        return len(value) == len(_DIMENSIONS) and all(map(_is_number, value))
    return value is None or _is_number(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read(value: Any, reading: Reading) -> Judged:
    if isinstance(value, list):
        return Judged(values=_dimensions(value))
    return Judged(values={"score": Reason.PARSE_FAILED if value is None else number(value)})


def _dimensions(value: Sequence[float]) -> dict[str, Value]:
    """Return four ratings; the class is the last of them, cut to 4 to 9 and counted from 0.

    Source:
        Pang et al. 2024, arXiv:2410.10877: where a reply held no ratings, its code writes zeros.
    """
    if not any(value):
        return dict.fromkeys((*_DIMENSIONS, "score"), Reason.PARSE_FAILED)
    numbers = [number(each, least=1, most=10) for each in value]
    overall = numbers[-1]
    score: Value = (
        overall if isinstance(overall, Reason)
        else min(max(overall, _LOWEST), _HIGHEST) - _LOWEST
    )  # fmt: skip
    return dict(zip(_DIMENSIONS, numbers, strict=True)) | {"score": score}


LAYOUT = JudgedLayout(
    "ds2",
    "DS2's scores: a list of numbers, or of lists of four, in the order of a data set that is "
    "named beside it; JSON, or a pickle of nothing else",
    "score",
    is_score,
    _read,
)
