"""OpenDataArena's scores of questions and pairs: by a judge, and numbers of other scorers."""

import re
from collections.abc import Iterator, Mapping

from assay.formats.judged.layout import Fields, JudgedLayout, Reading, has, key_of, text_of
from assay.formats.judged.tables import Judged, Value, mean, number


def _read_oda(record: Fields, reading: Reading) -> Judged:
    values = {_column(path): _rating(path, value) for path, value in _leaves(record)}
    for part in ("q", "qa"):
        rated = [value for path, value in _leaves(record) if _judged(path) and path[0] == part]
        values[f"{part}_mean"] = mean([number(value, least=1, most=10) for value in rated])
    response = record.get("output")
    asked = [text_of(record, "instruction"), text_of(record, "input")]
    return Judged(
        key=key_of(record, "id"),
        prompt="\n".join(text for text in asked if text) or None,
        response=response if isinstance(response, str) else None,
        values=values,
    )


def _leaves(record: Fields) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield the numbers of a record with the part and the names that lead to each."""
    scores = record.get("scores")
    nested = scores if isinstance(scores, dict) else {}
    for part in ("Q", "QA"):
        for group in (record.get(f"{part}_scores"), nested.get(part)):
            yield from _walk((part.lower(),), group)


def _walk(path: tuple[str, ...], group: object) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(group, Mapping):
        for name, value in group.items():
            yield from _walk((*path, str(name)), value)
    elif len(path) > 1:
        yield path, group


_DIMENSIONS = frozenset(
    ("Clarity", "Coherence", "Completeness", "Complexity", "Correctness", "Meaningfulness",
     "Relevance", "Difficulty")
)  # fmt: skip


def _judged(path: tuple[str, ...]) -> bool:
    """Is this a judge's rating from 1 to 10, and not the number of another scorer?"""
    return path[-1] in _DIMENSIONS and (len(path) == 2 or path[1] == "All")


def _rating(path: tuple[str, ...], value: object) -> Value:
    return number(value, least=1, most=10) if _judged(path) else number(value)


def _column(path: tuple[str, ...]) -> str:
    return "_".join(re.sub(r"\W+", "_", name).lower() for name in path if name != "All")


def _is_oda(record: object) -> bool:
    if has(record, "Q_scores", "QA_scores"):
        return True
    return has(record, "id", "scores") and any(has(record["scores"], part) for part in ("Q", "QA"))  # type: ignore[index]


LAYOUT = JudgedLayout(
    "oda",
    "OpenDataArena's scores: `id`, `Q_scores` and `QA_scores` by dimension, 1 to 10, or `scores` "
    "that holds the two as `Q` and `QA`",
    "qa_mean",
    _is_oda,
    _read_oda,
)
