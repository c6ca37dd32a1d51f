"""All that was asked, so that what is missing from the records of a judge is noticed."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from assay.errors import DataError
from assay.formats.faults import BadRecord, UnusableRecordError
from assay.formats.judged.layout import key_of, question_of, text_of
from assay.formats.judged.reading import values_of
from assay.formats.judged.tables import Judged

_LABELS = ("category", "dataset", "set")
_IDS = ("question_id", "id", "idx")
_UNNAMED = "questions"


class Question(NamedTuple):
    """A question of a list.

    Attributes:
        place: in the list.
        key: its id, as text; empty without one.
        text: white space folded; empty without one.
        dataset: set or category; empty if the list has none.
    """

    place: int
    key: str
    text: str
    dataset: str


class Questions:
    """A list of questions, found by text first and by id where a record has no text."""

    def __init__(self, asked: Sequence[Question]) -> None:
        self._asked = asked
        self._by_text = {each.text: each for each in asked if each.text}
        self._by_id = {each.key: each for each in asked if each.key}

    @classmethod
    def read(cls, path: Path) -> "Questions":
        """Return the questions of a file: JSON, JSON lines, CSV or Parquet.

        Raises:
            DataError: if a record of it is no question, by its place.
        """
        if not path.is_file():
            raise DataError(f"{path}: there is no such file")
        found = []
        for place, (value, line) in enumerate(values_of(path), start=1):
            if isinstance(value, BadRecord) or not isinstance(value, dict):
                raise DataError(f"{path}: {line or f'record {place:,}'} is no question")
            found.append(_question(place, value, path))
        if not found:
            raise DataError(f"{path} holds no question")
        return cls(found)

    def find(self, row: Judged) -> Question | None:
        """Return the question that a record is about; None if it is not in the list."""
        text = " ".join((row.prompt or "").split())
        return self._by_text.get(text) if text else self._by_id.get(row.key)

    def missing(self, rows: Sequence[Judged]) -> Mapping[str, int]:
        """Return how many questions no record is about, by set; a set without any stays out."""
        found = [self.find(row) for row in rows]
        texts = {each.text for each in found if each is not None and each.text}
        places = {each.place for each in found if each is not None}
        lacking = [
            each for each in self._asked if each.place not in places and each.text not in texts
        ]
        return dict(Counter(each.dataset or _UNNAMED for each in lacking))


def _question(place: int, record: Mapping[str, object], path: Path) -> Question:
    turns = record.get("turns")
    try:
        text = question_of(record) or ""
    except UnusableRecordError:
        text = ""
    if not text and isinstance(turns, list) and turns and isinstance(turns[0], str):
        text = turns[0]
    key = key_of(record, *_IDS)
    if not text and not key:
        raise DataError(f"{path}: record {place:,} has neither a question nor an id")
    label = next((found for name in _LABELS if (found := text_of(record, name))), "")
    return Question(place, key, " ".join(text.split()), label)
