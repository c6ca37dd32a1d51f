"""No odd field of any layout breaks the reading, or turns into a number that was not given."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.errors import AssayError
from assay.formats.judged.reading import read_judged
from assay.samples import Reason
from tests.unit.formats.judged.records import (
    Record,
    compared,
    evolved,
    preferred,
    rated,
    review,
    write,
)

ODD: tuple[Any, ...] = (
    None, "", "x", [], {}, -1, True, [None], [[]], {"a": None}, 10**400, "1e999", "nan",
    [1, "2", 3],
)  # fmt: skip
RECORDS: dict[str, Record] = {
    "cherry": review("q", [1, 2], [2, 1]) | {"conversations": ["a"], "instances": [{"input": "i"}]},
    "diverse_evol": evolved(1, (1, 2), (1, 2)),
    "mt_bench_pair": compared(1, "tie", "tie"),
    "mt_bench_single": rated(1, 5),
    "alpaca_eval": preferred(0.4, swapped=False),
    "vicuna_review": {"question_id": 1, "answer1_id": "a", "answer2_id": "b", "score": [1, 2]},
    "alpagasus_review": {"prompt": "q", "a": "x", "b": "y", "review": "", "score": [1, 2]},
    "alpagasus": {"triplet": "###Instruction:\na\n\n### Input:\n\n### Response:\nb", "score": 1},
    "pandalm": {"idx": 1, "instruction": "q", "response1": "a", "response2": "b",
                "annotator1": 1, "annotator2": 1, "annotator3": 0},
    "pandalm_judge": {"idx": 1, "pandalm_result": 2},
    "oda": {"id": 1, "instruction": "q", "output": "a", "scores": {"QA": {"All": {"Clarity": 3}}},
            "Q_scores": {"Clarity": 2}, "QA_scores": {"IFD": 0.5}},
    "mig": {"_id": "a", "dialogs": [{"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"}], "ifd_score": {"content": 1.0},
            "annotation": {"deita": {"quality_scores": [1.0], "complexity_scores": [2.0]},
                           "instag": {"content": ["t"]}}},
}  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value if isinstance(value, dict) else {}
    inside = dict(enumerate(value)) if isinstance(value, list) else inside
    for key, each in inside.items():
        yield (*path, key)
        yield from _places(each, (*path, key))


def _changed(record: Record, place: tuple[Any, ...], value: Any) -> Record:
    made = copy.deepcopy(record)
    inner: Any = made
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return made


@pytest.mark.parametrize("layout", RECORDS)
def test_an_odd_field_costs_a_record_and_nothing_else(tmp_path: Path, layout: str) -> None:
    sound = RECORDS[layout]
    name = "a-b-set.jsonl"
    whole = read_judged(write(tmp_path, [sound], name), layout=layout)
    given = {each for column in whole.columns.values() for each in column.values.tolist()}
    for place in _places(sound):
        for value in ODD:
            odd = _changed(sound, place, value)
            if not _is_json(odd):
                continue
            for side in (1, 2) if whole.verdicts() is not None else (None,):
                path = write(tmp_path, [odd], name)
                try:
                    table = read_judged(path, layout=layout, candidate=side)
                except AssayError:
                    continue
                for row in table.rows:
                    for text in (row.prompt, row.response, row.text, row.conversation):
                        assert text is None or isinstance(text, str)
                    assert isinstance(row.key, str)
                for column in table.columns.values():
                    assert (np.isnan(column.values) == (column.reason != Reason.OK)).all()
                    assert np.isfinite(column.values[column.reason == 0]).all()
    assert given  # the sound record has numbers to lose


def _is_json(record: Record) -> bool:
    try:
        return bool(json.dumps(record))
    except ValueError:
        return False
