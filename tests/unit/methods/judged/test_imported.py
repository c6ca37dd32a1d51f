"""Numbers of a file find their rows, or say that they do not."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assay.engine.engine import Engine
from assay.errors import DataError
from assay.features.imported_column import (
    Match,
    match_column,
)
from assay.formats.columns import UnknownColumnError, read_columns
from assay.formats.records import Block
from assay.methods.judged.imported import Imported
from assay.pool.building import build_pool
from assay.pool.pool import Pool, format_id
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import Conversation, Message, Origin, Part, Reason, Sample
from assay.stores.results import Results
from tests.rows import conversation

PAIRS = [("q0", "a0"), ("q1", "a1"), ("q2", "a1"), ("q3", "a3")]


def _pool(folder: Path, samples: Sequence[Sample]) -> Pool:
    origins = [Origin(0, place) for place in range(len(samples))]
    return build_pool([Block(list(samples), origins)], folder)


@pytest.fixture
def view(tmp_path: Path) -> PoolView:
    samples = [
        Sample(conversation(prompt, response), external_id=f"n{place}")
        for place, (prompt, response) in enumerate(PAIRS)
    ]
    return PoolView(_pool(tmp_path, samples))


def _match(
    view: PoolView, path: Path, match: Match = "id", key: str = "id", part: Part = "response"
) -> dict[str, float]:
    """Return the number of each row, by its prompt."""
    found = match_column(view, path, column="score", match=match, key=key, part=part)
    assert (np.isnan(found.values) == (found.reason == Reason.NOT_IMPORTED)).all()
    prompts = [c.prompt for c in view.conversations()]
    return {
        prompt: value
        for prompt, value in zip(prompts, found.values.tolist(), strict=True)
        if not np.isnan(value)
    }


def _csv(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_ids_of_the_data_find_their_rows(view: PoolView, tmp_path: Path) -> None:
    file = _csv(tmp_path / "s.csv", ["id,score", "n1,0.5", "n3,7", "n9,1"])

    assert _match(view, file) == {"q1": 0.5, "q3": 7.0}


def test_ids_of_assay_find_their_rows(view: PoolView, tmp_path: Path) -> None:
    lines = ["id,score", *(f"{format_id(i)},{n}" for n, i in enumerate(view.ids.tolist()))]
    file = _csv(tmp_path / "s.csv", lines)

    found = match_column(view, file, column="score", match="id", key="id", part="response")

    assert found.values.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_rows_of_equal_text_get_the_same_number(view: PoolView, tmp_path: Path) -> None:
    file = _csv(tmp_path / "s.csv", ["response,score", "a1,2.5"])

    assert _match(view, file, "text", "response") == {"q1": 2.5, "q2": 2.5}


def test_white_space_does_not_keep_texts_apart(tmp_path: Path) -> None:
    spaced = Conversation((Message("user", "q"), Message("assistant", "two\n words ")))
    view = PoolView(_pool(tmp_path, [Sample(spaced)]))
    file = _csv(tmp_path / "s.csv", ["text,score", "two words,1"])

    assert _match(view, file, "text", "text") == {"q": 1.0}


def test_a_text_with_two_numbers_is_ambiguous(view: PoolView, tmp_path: Path) -> None:
    file = _csv(tmp_path / "s.csv", ["response,score", "a1,2", "a1,3", "a3,4", "a3,4"])

    found = match_column(view, file, column="score", match="text", key="response", part="response")

    assert found.ambiguous == 1
    assert np.count_nonzero(~np.isnan(found.values)) == 1


def test_an_id_that_several_rows_have_is_ambiguous(tmp_path: Path) -> None:
    samples = [Sample(conversation(f"q{i}", "a"), external_id="same") for i in range(2)]
    view = PoolView(_pool(tmp_path, samples))
    file = _csv(tmp_path / "s.csv", ["id,score", "same,1"])

    found = match_column(view, file, column="score", match="id", key="id", part="response")

    assert np.isnan(found.values).all()
    assert found.ambiguous == 1


def test_places_follow_the_order_of_the_file(view: PoolView, tmp_path: Path) -> None:
    file = _csv(tmp_path / "s.csv", ["score", "10", "11", "12", "13"])

    assert _match(view, file, "row") == {"q0": 10.0, "q1": 11.0, "q2": 12.0, "q3": 13.0}


def test_too_few_rows_to_match_by_place_are_refused(view: PoolView, tmp_path: Path) -> None:
    file = _csv(tmp_path / "s.csv", ["score", "10", "11"])

    with pytest.raises(DataError, match="the data goes up to row 4"):
        _match(view, file, "row")


def test_counts_add_up(view: PoolView, tmp_path: Path) -> None:
    file = _csv(tmp_path / "s.csv", ["id,score", "n0,1", "n1,", "n2,high", "gone,4"])

    found = match_column(view, file, column="score", match="id", key="id", part="response")

    assert (found.file_rows, found.without_number, found.unused) == (4, 2, 1)
    assert int((found.reason == 0).sum()) == 1


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".json", ".parquet"])
def test_every_container_gives_the_same_numbers(
    view: PoolView, tmp_path: Path, ending: str
) -> None:
    rows = [{"id": "n0", "score": 0.25}, {"id": "n2", "score": None}, {"id": "n3", "score": -1}]
    path = tmp_path / f"s{ending}"
    match ending:
        case ".csv":
            _csv(path, ["id,score", "n0,0.25", "n2,", "n3,-1"])
        case ".tsv":
            _csv(path, ["id\tscore", "n0\t0.25", "n2\t", "n3\t-1"])
        case ".jsonl":
            path.write_text("\n".join(json.dumps(row) for row in rows))
        case ".json":
            path.write_text(json.dumps(rows))
        case _:
            pl.DataFrame(rows).write_parquet(path)

    assert _match(view, path) == {"q0": 0.25, "q3": -1.0}


def test_an_unknown_column_names_the_nearest(tmp_path: Path) -> None:
    file = _csv(tmp_path / "s.csv", ["id,score", "n0,1"])

    with pytest.raises(UnknownColumnError, match="no column 'scor'") as raised:
        read_columns(file, ["scor"])

    assert raised.value.hint == "did you mean 'score'?"


def test_a_column_without_any_number_is_refused(view: PoolView, tmp_path: Path) -> None:
    file = _csv(tmp_path / "s.csv", ["id,score", "n0,good"])

    with pytest.raises(DataError, match="holds no number"):
        _match(view, file)


def test_numbers_by_place_follow_the_rows_when_their_file_is_ordered_anew(tmp_path: Path) -> None:
    (tmp_path / "numbers.csv").write_text("score\n0\n1\n2\n3\n")
    asked = {"file": str(tmp_path / "numbers.csv"), "column": "score", "match": "row"}
    samples = [Sample(conversation(prompt, response)) for prompt, response in PAIRS]
    found, keys = [], []
    for place, own in enumerate((samples, samples[::-1], samples)):
        pool = _pool(tmp_path / str(place), own)
        engine = Engine(pool, Runtime(cache=tmp_path), results=Results(tmp_path / "project"))
        scores = engine.value(Imported(**asked)).main
        prompts = [row.prompt for row in pool.conversations(np.arange(len(pool)))]
        found.append(dict(zip(prompts, scores.values.tolist(), strict=True)))
        keys.append(engine.resolve(Imported(**asked)).key)

    assert found[0] == {"q0": 0, "q1": 1, "q2": 2, "q3": 3} == found[2]
    assert found[1] == {"q0": 3, "q1": 2, "q2": 1, "q3": 0}
    assert keys[0] == keys[2] != keys[1]


def test_numbers_by_id_follow_the_ids_that_rows_carry(tmp_path: Path) -> None:
    (tmp_path / "numbers.csv").write_text("id,score\nn0,0\nn1,1\nn2,2\nn3,3\n")
    asked = Imported(file=str(tmp_path / "numbers.csv"), column="score")
    found = []
    for names in ("0123", "3210"):
        samples = [
            Sample(conversation(prompt, response), external_id=f"n{name}")
            for name, (prompt, response) in zip(names, PAIRS, strict=True)
        ]
        pool = _pool(tmp_path / names, samples)
        engine = Engine(pool, Runtime(cache=tmp_path), results=Results(tmp_path / "project"))
        scores = engine.value(asked).main
        prompts = [row.prompt for row in pool.conversations(np.arange(len(pool)))]
        found.append(dict(zip(prompts, scores.values.tolist(), strict=True)))

    assert found[0] == {"q0": 0, "q1": 1, "q2": 2, "q3": 3}
    assert found[1] == {"q0": 3, "q1": 2, "q2": 1, "q3": 0}
