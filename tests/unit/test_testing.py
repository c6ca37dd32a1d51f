"""The checks for authors of methods find what they are for."""

import types
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import pytest

from assay.components import table
from assay.components.base import Component, NoPaper, Paper
from assay.components.budget import Allowance
from assay.components.component import Scorer, Selector
from assay.features.passes import RowFeature
from assay.features.text import Lengths
from assay.methods.chance.random_rows import RandomSample
from assay.methods.combinations.quota import Quota
from assay.methods.combinations.top_score import TopScore
from assay.methods.text.longest import LongestResponse
from assay.methods.text.marks import MarksOfText
from assay.runtime import Runtime
from assay.samples import Conversation, FloatArray, Message, Reason, Sample, Scores, Selection
from assay.testing import check_component, labels, matrix, numbers, pool, scores, value_of
from assay.values import Numbers, RowValue

_PAPER = NoPaper(reason="a toy that breaks a rule")
_calls: list[int] = []


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    table.load_all()
    known = dict(table._components)
    yield
    table._components.clear()
    table._components.update(known)


def _numbers(values: Sequence[float]) -> Numbers:
    count = len(values)
    columns = {"x": np.array(values, np.float64)}
    return Numbers(np.zeros(count, np.uint8), np.zeros(count, np.uint16), columns)


def _scorer(**body: Any) -> type[Scorer]:
    given = {
        "__doc__": "A toy.",
        "__module__": __name__,
        "__qualname__": "Toy",
        "name": "toy_checked",
        "paper": _PAPER,
        "requires": lambda self: {"lengths": Lengths()},
        "score": lambda self, *, lengths: lengths["response_characters"],
        "__annotations__": {"name": ClassVar[str], "paper": ClassVar[Paper | NoPaper]},
    }
    return types.new_class("Toy", (Scorer,), exec_body=lambda names: names.update(given | body))


@pytest.mark.parametrize(
    "component", [Lengths, LongestResponse, TopScore(by=LongestResponse()), RandomSample(),
                  Quota(by=RandomSample(), per="source", budget=4),
                  TopScore(by=MarksOfText(), column="urls", without_flags=("one_token",))]
)  # fmt: skip
def test_sound_components_pass(component: Component | type[Component]) -> None:
    check_component(component)


def test_a_component_that_needs_parameters_must_be_an_object() -> None:
    with pytest.raises(AssertionError, match="give an object"):
        check_component(TopScore)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"__doc__": None}, "no docstring"),
        ({"name": "Toy-Checked"}, "lower case"),
        ({"paper": "Someone 2020"}, "cites no paper"),
        ({"requires": lambda self: {"length": Lengths()}}, "disagree about length, lengths"),
        ({"score": lambda self, *, lengths: lengths["response_characters"]
          - lengths["response_characters"].mean()}, "depends on the rows beside it"),
        ({"score": lambda self, *, lengths: lengths["response_characters"]
          * np.random.default_rng().random()}, "other scores the second time"),
        ({"columns": ("own", "mean"), "score": lambda self, *, lengths: {
          "own": lengths["response_characters"],
          "mean": 0 * lengths["response_characters"] + lengths["response_characters"].mean()}},
         "depends on the rows beside it"),
    ],
    ids=["docstring", "name", "paper", "needs", "mean", "chance", "mean of a further column"],
)  # fmt: skip
def test_an_unsound_score_is_found(body: dict[str, Any], sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_component(_scorer(**body))


def test_a_score_that_says_it_looks_at_all_rows_may() -> None:
    check_component(
        _scorer(
            rowwise=False,
            score=lambda self, *, lengths: (
                lengths["response_characters"] - lengths["response_characters"].mean()
            ),
        )
    )


def test_a_score_whose_object_says_its_columns_passes() -> None:
    check_component(
        _scorer(
            columns=property(lambda self: ("own", "twice")),
            score=lambda self, *, lengths: {
                "own": lengths["response_characters"],
                "twice": 2 * lengths["response_characters"],
            },
        )
    )


def test_a_parameter_without_a_description_is_found() -> None:
    class Undescribed(Scorer):
        """A toy."""

        name: ClassVar[str] = "toy_undescribed"
        paper: ClassVar[Paper | NoPaper] = _PAPER

        size: int = 3

    with pytest.raises(AssertionError, match="size is not described"):
        check_component(Undescribed)


class _Feature(RowFeature):
    paper: ClassVar[Paper | NoPaper] = _PAPER
    value: ClassVar[type[RowValue]] = Numbers


def test_a_feature_that_depends_on_its_neighbours_is_found() -> None:
    class Beside(_Feature):
        """The number of rows read together."""

        name: ClassVar[str] = "toy_beside"

        def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
            return _numbers([len(conversations)] * len(conversations))

    with pytest.raises(AssertionError, match="rows beside it"):
        check_component(Beside)


def test_a_feature_that_changes_is_found() -> None:
    class Counting(_Feature):
        """How often it was asked."""

        name: ClassVar[str] = "toy_counting"

        def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
            _calls.append(1)
            return _numbers([len(_calls)] * len(conversations))

    with pytest.raises(AssertionError, match="the second time"):
        check_component(Counting)


class _Greedy(Selector):
    paper: ClassVar[Paper | NoPaper] = _PAPER


def test_a_selection_that_is_not_nested_as_it_says_is_found() -> None:
    class Unnested(_Greedy):
        """Rows from the end of as many as are wanted."""

        name: ClassVar[str] = "toy_unnested"

        def select(self, allowance: Allowance, rng: np.random.Generator, **needs: Any) -> Selection:
            chosen = np.arange(allowance.rows)[::-1].copy()
            return Selection(chosen, np.zeros(len(chosen)), nested=True, stop="budget")

    with pytest.raises(AssertionError, match="nested"):
        check_component(Unnested)


def test_a_selection_that_is_left_to_chance_is_found() -> None:
    class Chance(_Greedy):
        """Rows by a generator of its own."""

        name: ClassVar[str] = "toy_chance"

        def select(self, allowance: Allowance, rng: np.random.Generator, **needs: Any) -> Selection:
            chosen = np.random.default_rng().permutation(len(allowance.eligible))[: allowance.rows]
            return Selection(chosen, np.zeros(len(chosen)), nested=False, stop="budget")

    with pytest.raises(AssertionError, match="others the second time"):
        check_component(Chance)


def test_a_pool_holds_what_it_was_given_in_any_form() -> None:
    conversation = Conversation((Message("user", "c"), Message("assistant", "d")))
    made = pool(
        [
            ("a", "b"),
            conversation,
            Sample(conversation, source="s", task="t"),
            {"instruction": "e", "input": "f", "response": "g", "language": "en"},
        ]
    )

    samples = {int(row): s for row, s in zip(made.row, made.samples(np.arange(4)), strict=True)}
    assert samples[0].conversation.response == "b"
    assert samples[1].conversation == samples[2].conversation == conversation
    assert (samples[2].source, samples[2].task) == ("s", "t")
    assert samples[3].conversation.messages[0].context == "f"
    assert samples[3].language == "en"
    assert made.ids.tolist() == sorted(made.ids.tolist())


def test_a_pool_goes_with_its_folder() -> None:
    made = pool([("a", "b")])
    folder = made.path.parent
    assert folder.exists()

    del made

    assert not folder.exists()


def test_values_by_hand_have_reasons_where_they_have_no_number() -> None:
    made = numbers(x=[1.0, np.nan], y=[2.0, 3.0])
    given = scores([np.nan, 1.0], reason=[Reason.NO_WORDS, 0])

    assert made.reason.tolist() == [0, Reason.NON_FINITE]
    assert made["y"].tolist() == [2.0, 3.0]
    assert given.reason.tolist() == [Reason.NO_WORDS, 0]
    assert labels(["en", "de"]).values.to_list() == ["en", "de"]
    assert matrix([[3.0, 4.0]]).unit.tolist() == [pytest.approx([0.6, 0.8])]
    assert matrix([[3e30, 4e30], [3e-30, 4e-30], [0.0, 0.0]]).unit.tolist() == [
        pytest.approx([0.6, 0.8]),
        pytest.approx([0.6, 0.8]),
        [0.0, 0.0],
    ]


def test_a_value_is_the_one_the_engine_gives() -> None:
    made = pool([("question", "four"), ("question", "")])

    table = value_of(LongestResponse(), made)

    assert isinstance(table.main, Scores)
    known: FloatArray = table.main.values[~np.isnan(table.main.values)]
    assert known.tolist() == [4.0]
    assert sorted(table.main.reason.tolist()) == [0, Reason.EMPTY_RESPONSE]
