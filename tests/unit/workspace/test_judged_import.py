"""Whose rows judge records are: by text before id, never by place, and never by a stranger's id."""

from pathlib import Path

import polars as pl
import pytest

from assay.errors import DataError
from assay.features.imported_column import match_column
from assay.formats.judged.tables import Judged, JudgedTable, table_of
from assay.formats.records import Block
from assay.pool.building import build_pool
from assay.pool.view import PoolView
from assay.samples import Origin, Reason, Sample
from assay.workspace.judged_import import REASON, Key, judged_column
from tests.rows import conversation


def _view(folder: Path, rows: list[tuple[str, str, str]]) -> PoolView:
    samples = [Sample(conversation(prompt, answer), external_id=key or None)
               for key, prompt, answer in rows]  # fmt: skip
    origins = [Origin(0, place) for place in range(len(rows))]
    return PoolView(build_pool([Block(samples, origins)], folder))


def _table(*rows: Judged) -> JudgedTable:
    return table_of("made_up", rows, scored=False)


def _scores(view: PoolView, table: JudgedTable, key: Key | None = None) -> dict[str, object]:
    """Return what every row gets, by its answer."""
    found = judged_column(view, table, "score", key)
    path = Path("records.parquet")
    found.frame.write_parquet(path)
    numbers = match_column(
        view, path, column="score", match=found.key.match, key=found.key.column,
        part=found.key.part, reasons=REASON,
    )  # fmt: skip
    return {
        each.responses: Reason(code) if code else value
        for each, value, code in zip(
            view.conversations(), numbers.values.tolist(), numbers.reason.tolist(), strict=True
        )
    }


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_number_goes_to_the_answer_that_was_judged_and_to_no_other(tmp_path: Path) -> None:
    view = _view(tmp_path, [("", "ask", "good"), ("", "ask", "bad"), ("", "other", "good  one")])
    table = _table(
        Judged(prompt="other", response="good one", values={"score": 3.0}),
        Judged(prompt="ask", response="bad", values={"score": Reason.PARSE_FAILED}),
    )

    found = judged_column(view, table, "score", None)

    assert found.key == Key("text", "conversation")
    assert _scores(view, table) == {
        "good": Reason.NOT_IMPORTED, "bad": Reason.PARSE_FAILED, "good  one": 3.0,
    }  # fmt: skip


def test_two_numbers_for_one_answer_are_none(tmp_path: Path) -> None:
    view = _view(tmp_path, [("", "ask", "a"), ("", "ask", "b"), ("", "ask", "c")])
    table = _table(
        *(Judged(prompt="ask", response="a", values={"score": each}) for each in (1.0, 2.0)),
        *(Judged(prompt="ask", response="b", values={"score": each}) for each in (2.0, 2.0)),
        Judged(prompt="ask", response="c", values={"score": 4.0}),
        Judged(prompt="ask", response="c", values={"score": Reason.OUT_OF_RANGE}),
    )

    assert _scores(view, table) == {"a": Reason.AMBIGUOUS, "b": 2.0, "c": 4.0}


def test_texts_are_tried_before_ids_and_prompts_before_answers(tmp_path: Path) -> None:
    view = _view(tmp_path, [("1", "ask", "mine"), ("2", "more", "too")])

    def by(**said: str) -> str:
        table = _table(Judged(**said, values={"score": 1.0}))  # type: ignore[arg-type]
        return judged_column(view, table, "score", None).key.column

    assert by(key="1", prompt="ask", response="mine") == "conversation"
    assert by(key="1", prompt="ask", response="theirs") == "id"
    assert by(prompt="ask") == "prompt"
    assert by(response="too") == "response"
    assert by(key="2") == "id"


def test_reviews_that_leave_out_the_input_go_to_the_answer_that_was_judged(tmp_path: Path) -> None:
    rows = [("shorten", "of the first", "one"), ("shorten", "of the second", "two"),
            ("shorten", "of the third", "two"), ("count", "", "3")]  # fmt: skip
    samples = [Sample(conversation(asked, answer, given)) for asked, given, answer in rows]
    blocks = [Block(samples, [Origin(0, place) for place in range(len(rows))])]
    view = PoolView(build_pool(blocks, tmp_path))
    table = _table(
        Judged(prompt="shorten", response="one", values={"score": 1.0}),
        Judged(prompt="shorten", response="two", values={"score": 2.0}),
        Judged(prompt="shorten", response="nobody's", values={"score": 3.0}),
    )

    found = judged_column(view, table, "score", None)

    assert found.key.paired
    assert found.key.words == "their instruction and answer"
    assert _scores(view, table) == {
        "one": 1.0, "two": Reason.AMBIGUOUS, "3": Reason.NOT_IMPORTED,
    }  # fmt: skip


def test_a_number_for_another_answer_is_taken_only_where_that_is_asked(tmp_path: Path) -> None:
    view = _view(tmp_path, [("", "ask", "mine")])
    table = _table(Judged(prompt="ask", response="theirs", values={"score": 1.0}))

    with pytest.raises(DataError, match="1 of 1 records are about a prompt of the data with"):
        judged_column(view, table, "score", None)

    assert _scores(view, table, Key("text", "prompt")) == {"mine": 1.0}


def test_the_id_of_a_row_that_says_something_else_is_a_stranger_s(tmp_path: Path) -> None:
    """Numbers from 1 are ids in any data: the prompt tells whether they are the same."""
    view = _view(tmp_path, [("1", "ask", "a"), ("2", "more", "b"), ("3", "last", "c")])
    table = _table(
        Judged(key="1", prompt="ask", values={"score": 1.0}),
        Judged(key="2", prompt="quite another", values={"score": 2.0}),
        Judged(key="3", values={"score": 3.0}),
    )

    found = judged_column(view, table, "score", Key("id"))

    assert found.contradicted == 1
    assert _scores(view, table, Key("id")) == {"a": 1.0, "b": Reason.NOT_IMPORTED, "c": 3.0}


def test_records_without_the_key_are_counted_and_left(tmp_path: Path) -> None:
    view = _view(tmp_path, [("1", "ask", "a")])
    table = _table(Judged(key="1", values={"score": 1.0}), Judged(values={"score": 2.0}))

    found = judged_column(view, table, "score", None)

    assert found.unnamed == 1
    assert found.frame["id"].to_list() == ["1"]
    assert found.frame.schema[REASON] == pl.String


def test_what_finds_no_row_is_refused_and_says_what_was_tried(tmp_path: Path) -> None:
    view = _view(tmp_path, [("", "ask", "a")])

    with pytest.raises(DataError, match="prompt, instruction, response, id; nothing"):
        judged_column(view, _table(Judged("7", "who", "me", values={"score": 1.0})), "score", None)
    with pytest.raises(DataError, match="stand without ids or texts") as raised:
        judged_column(view, _table(Judged(values={"score": 1.0})), "score", None)
    assert "rows_of" in str(raised.value.hint)
    with pytest.raises(DataError, match="no column 'scor'") as raised:
        judged_column(view, _table(Judged("7", values={"score": 1.0})), "scor", None)
    assert "'score'" in str(raised.value.hint)
