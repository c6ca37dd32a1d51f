"""Rows that are made from others stand beside them: row for row, by the text alone."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.agreement.sample_reading import SampleReading
from assay.components.base import Component, NoPaper, Paper
from assay.components.component import Chosen, Dataset, Feature, FileSet, Given, Scorer
from assay.engine.engine import Engine
from assay.engine.planning import plan
from assay.errors import ConfigError
from assay.features.clusters import Clusters
from assay.features.embeddings import Embeddings
from assay.features.made_rows import Dropped, MadeRows, RowsOf, ValueOf
from assay.features.passes import Pass
from assay.methods.chance.random_rows import RandomSample
from assay.methods.combinations.top_score import TopScore
from assay.outcomes import ScoreTable
from assay.pool.made_rows import Change, MadePool
from assay.project import Project
from assay.runtime import Runtime
from assay.samples import Conversation, FloatArray, Message, Reason
from assay.stores.results import Results
from assay.testing import check_component
from assay.values import Numbers, RowValue
from tests import toys
from tests.rows import make_pool
from tests.toys import ToyLength, ToyPass, ToyScore

_PAIRS = [
    (f"please do say {' '.join('abcdefgh'[: n % 7 + 1])} {n}", "x" * (n + 1)) for n in range(40)
]


class PromptWords(ToyLength):
    """Words of the prompt."""

    name = "prompt_words"

    def reading(self) -> Pass:
        return ToyPass()

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        counts = np.array([len(each.prompt.split()) for each in conversations], np.float64)
        nothing = np.zeros(len(counts), np.uint8)
        return Numbers(nothing, nothing.astype(np.uint16), {"words": counts})


class WordsLost(Scorer):
    """The share of a prompt's words that some draws lose, on average."""

    name = "words_lost"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a toy for tests")

    draws: int = 3
    """How many draws."""

    def requires(self) -> dict[str, Component | Sequence[Component]]:
        dropped = [PromptWords().at(Dropped(rate=0.4, draw=n)) for n in range(self.draws)]
        return {"whole": PromptWords(), "dropped": dropped}

    def score(self, *, whole: Numbers, dropped: Sequence[Numbers]) -> FloatArray:
        assert all(len(each) == len(whole) for each in dropped)
        lost: FloatArray = 1 - np.mean([each["words"] for each in dropped], axis=0) / whole["words"]
        return lost


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    toys.READ.clear()
    yield


def _engine(
    folder: Path, rows: Sequence[tuple[str, str]] = _PAIRS, *, hold_out: float = 0.0
) -> Engine:
    pool = make_pool(folder / "own", rows, hold_out=hold_out)
    other = make_pool(folder / "other", [(f"{prompt} too", "z") for prompt, _ in rows[:9]])
    runtime = Runtime(cache=folder / "cache", workers=1, max_unscored=1.0)
    return Engine(
        pool, runtime, results=Results(folder / "project"), open_file=lambda dataset: other
    )


def _rows(engine: Engine, dataset: Dataset) -> list[Conversation]:
    return engine.view(engine.resolve(dataset)).conversations()


def _nothing_else(asked: object) -> Any:
    return pytest.fail("nothing else is read")


def _dropped(conversation: Conversation, **fields: Any) -> Conversation:
    change, _ = Dropped(**fields).making(_nothing_else, _nothing_else)
    (made,) = change([conversation])
    return made


# Words


_words = st.lists(st.text("abcxyz,.!é中", min_size=1, max_size=6), min_size=1, max_size=30)


@given(words=_words, rate=st.floats(0.01, 0.99), draw=st.integers(0, 10**6))
@settings(max_examples=200, deadline=None)
def test_what_is_left_of_an_instruction_are_some_of_its_words_in_order(
    words: list[str], rate: float, draw: int
) -> None:
    row = Conversation(
        (Message("user", "\n ".join(words), "of  two\nlines"), Message("assistant", "b"))
    )

    made = _dropped(row, rate=rate, draw=draw)

    left = iter(words)
    kept = made.messages[0].content.split()
    assert kept
    assert all(word in left for word in kept)
    assert made.messages[0].context == row.messages[0].context
    assert made.messages[1:] == row.messages[1:]
    assert _dropped(row, rate=rate, draw=draw) == made


@given(words=_words, draw=st.integers(0, 50))
@settings(max_examples=100, deadline=None)
def test_what_goes_at_a_low_rate_goes_at_a_higher_one(words: list[str], draw: int) -> None:
    row = Conversation((Message("user", " ".join(words)), Message("assistant", "b")))

    few, many = (
        _dropped(row, rate=rate, draw=draw).messages[0].content.split() for rate in (0.2, 0.7)
    )

    left = iter(few)
    assert all(word in left for word in many)


def test_the_share_of_words_that_go_is_the_rate_and_every_draw_drops_others() -> None:
    rows = [
        Conversation(
            (Message("user", " ".join(f"w{n}" for n in range(50))), Message("assistant", str(i)))
        )
        for i in range(200)
    ]

    words = [
        [set(_dropped(row, draw=draw).messages[0].content.split()) for row in rows]
        for draw in (0, 1)
    ]
    kept = np.array([[[f"w{n}" in row for n in range(50)] for row in each] for each in words])

    assert abs(kept.mean() - 0.8) < 4 * np.sqrt(0.16 / kept.size)
    both = (kept[0] & kept[1]).mean()
    assert abs(both - 0.64) < 4 * np.sqrt(0.64 * 0.36 / kept[0].size)
    assert np.abs(kept.mean(axis=(0, 1)) - 0.8).max() < 0.1


def test_only_the_last_user_turn_loses_words() -> None:
    text = "one two three four five six seven eight"
    row = Conversation(
        (
            Message("system", text),
            Message("user", text),
            Message("assistant", text),
            Message("user", text, text),
            Message("assistant", text),
        )
    )

    made = _dropped(row, rate=0.5)

    assert made.messages[3].content != text
    assert [m for n, m in enumerate(made.messages) if n != 3] == [
        m for n, m in enumerate(row.messages) if n != 3
    ]
    assert made.messages[3].context == text


@pytest.mark.parametrize("text", ["", " ", "one", "写一个关于春天的句子。"])
def test_a_text_without_two_words_is_left_as_it_is(text: str) -> None:
    row = Conversation((Message("user", text), Message("assistant", "b")))

    assert _dropped(row, rate=0.99) == row
    assert _dropped(Conversation(row.messages[1:]), rate=0.99).messages == row.messages[1:]


def test_a_rate_is_a_probability_below_one() -> None:
    with pytest.raises(ConfigError, match="rate"):
        Dropped(rate=1.0)


# Rows


@pytest.mark.parametrize("hold_out", [0.0, 0.3])
def test_rows_stand_beside_those_they_were_made_from(hold_out: float, tmp_path: Path) -> None:
    engine = _engine(tmp_path, [*_PAIRS, _PAIRS[3], _PAIRS[3], _PAIRS[17]], hold_out=hold_out)

    made = engine.view(engine.resolve(Dropped(rate=0.5)))

    plain = engine.view(Given())
    assert isinstance(made.pool, MadePool)
    assert made.ids.tolist() == plain.ids.tolist()
    assert made.pool.held_out.tolist() == plain.pool.held_out.tolist()
    assert made.conversations() == [_dropped(each, rate=0.5) for each in plain.conversations()]
    hashes = [each.content_hash for each in made.conversations()]
    assert made.pool.content_hashes.tolist() == [h.rstrip(b"\0") for h in hashes]
    assert made.column("task").to_list() == plain.column("task").to_list()
    places = np.arange(len(plain))
    assert made.pool.origins(places) == plain.pool.origins(places)
    samples = list(made.pool.samples(places))
    assert [each.conversation for each in samples] == made.conversations()
    assert [each.task for each in samples] == plain.column("task").to_list()
    assert made.digest != plain.digest
    assert made.pool.duplicates >= 3


@given(order=st.permutations(range(12)), twice=st.lists(st.integers(0, 11), max_size=4))
@settings(max_examples=15, deadline=None)
def test_a_row_is_the_same_whatever_order_and_rows_it_comes_with(
    order: list[int], twice: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("made")
    rows = [_PAIRS[place] for place in [*order, *twice]]

    engine = _engine(folder, rows)

    plain, made = _rows(engine, Given()), _rows(engine, Dropped(rate=0.5, draw=2))
    assert made == [_dropped(each, rate=0.5, draw=2) for each in plain]


@pytest.mark.parametrize("hold_out", [0.0, 0.3])
def test_a_score_compares_a_row_with_what_was_made_of_it(hold_out: float, tmp_path: Path) -> None:
    engine = _engine(tmp_path, [*_PAIRS, *_PAIRS[5:9]], hold_out=hold_out)

    table: ScoreTable = engine.value(WordsLost())
    picks = engine.value(TopScore(by=WordsLost(), budget=5)).selection.indices

    expected = []
    for row in _rows(engine, Given()):
        left = [len(_dropped(row, rate=0.4, draw=n).prompt.split()) for n in range(3)]
        expected.append(1 - np.mean(left) / len(row.prompt.split()))
    assert table.main.values.tolist() == pytest.approx(expected)
    assert not engine.pool.held_out[picks].any()


def test_a_sample_of_the_rows_is_read_with_what_was_made_of_it(tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    lines = (f'{{"instruction": "{asked}", "output": "{said}"}}\n' for asked, said in _PAIRS)
    data.write_text("".join(lines))
    project = Project(
        tmp_path / "p", data=data, runtime=Runtime(cache=tmp_path / "cache", workers=1)
    )
    sample = np.array([2, 3, 17, 30])

    found = SampleReading(project, sample).reader("lost", WordsLost(), timed=False)

    (table,) = project.score(WordsLost())
    assert found.scores.values.tolist() == table.main.values[sample].tolist()


def test_what_compares_made_rows_is_of_those_that_are_shown_and_kept_apart(tmp_path: Path) -> None:
    rows = Dropped(rate=0.5)
    engine = _engine(tmp_path, hold_out=0.3)
    plain, made = (
        engine.value(Clusters(vectors=Embeddings(part="instruction").at(of), count=4, dataset=of))
        for of in (Given(), rows)
    )

    shown = int((~engine.pool.held_out).sum())
    assert len(plain.labels) == len(made.labels) == shown
    assert plain.labels.tolist() != made.labels.tolist()


def test_made_rows_can_be_chosen_from_and_made_of_chosen_rows(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    some = RandomSample(budget=6, seed=1)
    drawn = Dropped(rate=0.5)

    before = _rows(engine, Chosen(by=some, of=drawn))
    after = _rows(engine, Dropped(rate=0.5, of=Chosen(by=some)))
    of_file = _rows(engine, Dropped(of=FileSet(source=__file__)))

    assert before == after  # chance goes by the id, which they share
    assert len(before) == 6
    assert len(of_file) == 9


def test_made_rows_are_kept_and_damaged_ones_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = _rows(_engine(tmp_path), Dropped(rate=0.5))
    (path,) = (tmp_path / "cache" / "dropped").rglob("*.parquet")
    before = path.read_bytes()
    assert _rows(_engine(tmp_path), Dropped(rate=0.5)) == rows
    path.write_bytes(before[: len(before) // 2])

    again = _rows(_engine(tmp_path), Dropped(rate=0.5))

    assert again == rows
    assert path.read_bytes() == before
    assert "damaged" in caplog.text


def test_features_of_rows_that_lost_no_word_are_not_read_again(tmp_path: Path) -> None:
    engine = _engine(tmp_path, [(f"word{n}", "x" * (n + 1)) for n in range(9)])
    engine.value(PromptWords())
    toys.READ.clear()

    engine.value(PromptWords().at(Dropped(rate=0.5)))

    assert toys.READ == []


def test_rows_chosen_from_the_pool_are_read_of_what_was_made_of_them(tmp_path: Path) -> None:
    engine = _engine(tmp_path)
    chosen = RandomSample(budget=7)
    feature: Feature = PromptWords().at(Dropped(rate=0.5)).among(chosen)

    some, every = engine.value(feature), engine.value(PromptWords().at(Dropped(rate=0.5)))

    asked = some.reason == 0
    assert asked.sum() == 7
    assert set(some.reason[~asked].tolist()) == {Reason.NOT_ASKED}
    assert some["words"][asked].tolist() == every["words"][asked].tolist()


def test_a_plan_prices_made_rows_and_makes_none(tmp_path: Path) -> None:
    first = _engine(tmp_path)

    before = plan(first, [WordsLost(draws=2), ToyScore()])

    assert [(step.name, step.rows, step.missing) for step in before.steps] == [
        ("prompt_words", 40, 40),
        ("prompt_words", 40, 40),
        ("prompt_words", 40, 40),
        ("toy_length", 40, 40),
    ]
    assert before.seconds is not None
    assert not (tmp_path / "cache" / "dropped").exists()
    first.value(WordsLost(draws=2))
    after = plan(_engine(tmp_path), [PromptWords().at(Dropped(rate=0.4, draw=1))])
    assert [step.missing for step in after.steps] == [0]


def test_a_plan_of_made_rows_of_chosen_ones_is_bound_by_the_budget(tmp_path: Path) -> None:
    rows = Dropped(of=Chosen(by=RandomSample(budget="25%"), of=Chosen(by=RandomSample(budget=20))))

    found = plan(_engine(tmp_path), [PromptWords().at(rows)])

    assert [step.rows for step in found.steps if step.name == "prompt_words"] == [5]


def test_no_row_makes_no_row(tmp_path: Path) -> None:
    nothing = Chosen(by=TopScore(by=ToyScore(), budget=3, rule={"above": 1e9}))

    assert _rows(_engine(tmp_path), Dropped(of=nothing)) == []


class Numbered(MadeRows):
    """Rows that know how many stand before them, which none may."""

    name = "numbered"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a toy for tests")

    def making(self, rows_of: RowsOf, value_of: ValueOf) -> tuple[Change, bytes]:
        """Return what numbers rows."""
        return lambda rows: [
            Conversation((Message("user", str(place)), *row.messages))
            for place, row in enumerate(rows)
        ], b""


def test_authors_hear_whether_what_they_make_of_a_row_is_its_own() -> None:
    check_component(Dropped(rate=0.5))
    with pytest.raises(AssertionError, match="must not depend on the rows beside it"):
        check_component(Numbered())
