"""One forward for many features: what is shared, what it costs, and what it may not depend on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from assay.components.base import Component
from assay.components.rendering import Rendering
from assay.engine import row_work
from assay.engine.engine import Engine
from assay.errors import CacheError
from assay.features.causal_pass import CausalFeature, CausalPass, CausalReading
from assay.features.hidden_states import HiddenStates
from assay.features.log_probs import PromptLogProbs, ResponseLogProbs, TokenStatistics
from assay.methods.likelihood.ifd import IFD
from assay.methods.likelihood.perplexity import Perplexity
from assay.methods.likelihood.superfiltering import Superfiltering
from assay.methods.likelihood.token_entropy import TokenEntropy, TokenRank
from assay.runtime import Runtime
from assay.samples import Conversation, Reason
from assay.testing import check_component
from assay.testing import pool as pool_of
from assay.values import LogProbs, RowValue
from tests.causal_rows import (
    CALLS,
    EDGE_ROWS,
    TALKS,
    exchange,
    open_runtime,
    ordinary_rows,
    set_budget,
    turns,
)
from tests.letters_model import Letters, use
from tests.rows import conversation
from tests.tiny_models import small_settings
from tests.watching import forwards

# The instruction comes first in this template, so that no two rows begin alike.
PLAIN = Rendering(template="plain", max_tokens=256)
_ROWS = [exchange(row) for row in ordinary_rows(40, seed=2)]


def _methods(model: str, rendering: Rendering = PLAIN) -> list[Component]:
    shared: dict[str, Any] = {"model": model, "rendering": rendering}
    return [
        Perplexity(**shared),
        IFD(**shared),
        Superfiltering(**shared),
        TokenEntropy(**shared),
        HiddenStates(over="prompt", **shared),
    ]


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> Letters:
    model = Letters()
    use(monkeypatch, model)
    return model


# What it costs


def test_five_methods_cost_two_forwards_a_row_and_a_second_time_none(
    llama_folder: Path, tmp_path: Path
) -> None:
    runtime = open_runtime(tmp_path)
    set_budget(runtime, llama_folder, 1000)
    rows = pool_of(_ROWS)
    methods = _methods(str(llama_folder))
    engine = Engine(rows, runtime)
    runtime.language_model(runtime.pin("language_model", str(llama_folder)), "float32")

    with forwards(small_settings()["vocab_size"]) as seen:
        engine.compute(methods)
    with forwards(small_settings()["vocab_size"]) as again:
        engine.compute(methods)
        Engine(rows, open_runtime(tmp_path)).compute(methods)

    assert sum(count for count, _ in seen) == 2 * len(rows)
    assert again == []


def test_methods_may_also_come_one_by_one_where_they_ask_for_the_same(letters: Letters) -> None:
    runtime = Runtime(cache=Path("unused"), workers=1)
    assert IFD(model="x").requires()["conditioned"] == Perplexity(model="x").requires()["response"]
    assert IFD(model="x").requires() == Superfiltering(model="x").requires()
    statistics = TokenEntropy(model="x").requires()["statistics"]
    assert statistics == TokenRank(model="x").requires()["statistics"]
    readings = {
        repr(feature.reading())
        for feature in (
            statistics,
            Perplexity(model="x").requires()["response"],
            HiddenStates(model="x"),
            PromptLogProbs(model="x"),
        )
    }
    assert len(readings) == 1
    assert runtime.language_model("x", "float32") is letters


def test_one_more_row_costs_two_forwards(
    letters: Letters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A few stored rows are read again before others are put beside them; not here.
    monkeypatch.setattr(row_work, "_CHECKED_ROWS", 0)
    methods = _methods("x")
    Engine(pool_of(_ROWS), open_runtime(tmp_path)).compute(methods)
    read = len(letters.seen)
    assert read == 2 * len(_ROWS)

    more = [*_ROWS, conversation("One more question", "and its answer")]
    Engine(pool_of(more), open_runtime(tmp_path)).compute(methods)

    assert len(letters.seen) - read == 2


def test_stored_rows_that_come_out_otherwise_now_are_not_mixed_with_new_ones(
    letters: Letters, tmp_path: Path
) -> None:
    Engine(pool_of(_ROWS), open_runtime(tmp_path)).compute(_methods("x"))
    letters.factor = 1.01

    more = [*_ROWS, conversation("One more question", "and its answer")]
    with pytest.raises(CacheError, match="stored values differ"):
        Engine(pool_of(more), open_runtime(tmp_path)).compute(_methods("x"))


def test_rows_that_need_not_go_through_the_model_do_not(letters: Letters, tmp_path: Path) -> None:
    rows = pool_of([conversation("Q", ""), conversation("Q", "A")])

    value = Engine(rows, open_runtime(tmp_path)).value(ResponseLogProbs(model="x", rendering=PLAIN))

    assert len(letters.seen) == 1
    assert sorted(value.reason.tolist()) == [0, Reason.EMPTY_RESPONSE]


def test_equal_rows_are_read_once(letters: Letters, tmp_path: Path) -> None:
    rows = pool_of([conversation("Q", "A")] * 5)

    value = Engine(rows, open_runtime(tmp_path)).value(ResponseLogProbs(model="x", rendering=PLAIN))

    assert len(letters.seen) == 1
    assert len(set(value.sum.tolist())) == 1


@pytest.mark.parametrize(
    "other",
    [
        ResponseLogProbs(model="y"),
        ResponseLogProbs(model="x", dtype="bfloat16"),
        ResponseLogProbs(model="x", given="nothing"),
        ResponseLogProbs(model="x", rendering=PLAIN),
        ResponseLogProbs.model_validate({"model": "x", "given": {"text": "Once."}}),
    ],
)
def test_another_model_format_context_or_rendering_is_another_pass(other: CausalFeature) -> None:
    assert other.reading() != ResponseLogProbs(model="x").reading()
    assert other.row_key != ResponseLogProbs(model="x").row_key


# What it may not depend on


def _all(folder: Path) -> list[CausalFeature]:
    shared: dict[str, Any] = {
        "model": str(folder), "rendering": Rendering(max_tokens=256)
    }  # fmt: skip
    return [
        ResponseLogProbs(**shared),
        ResponseLogProbs(given="nothing", **shared),
        PromptLogProbs(**shared),
        TokenStatistics(**shared),
        HiddenStates(**shared),
    ]


class _Run(NamedTuple):
    values: list[RowValue]
    conversations: list[Conversation]

    def only(self, rows: Sequence[Conversation]) -> list[RowValue]:
        index = np.array([self.conversations.index(row) for row in rows], np.int64)
        return [value.take(index) for value in self.values]


def _run(folder: Path, cache: Path, rows: Sequence[Conversation], tokens: int = 2048) -> _Run:
    runtime = open_runtime(cache)
    set_budget(runtime, folder, tokens)
    made = pool_of(rows)
    values = Engine(made, runtime).compute(_all(folder))
    return _Run(values, made.conversations(np.arange(len(made))))


_MIXED = [*(exchange(row) for row in [*EDGE_ROWS.values(), *ordinary_rows(20)]), *TALKS, CALLS]
# Of ranks a mean jumps where two tokens are as good as equally probable.
_ALLOWED = (1e-5, 1e-5, 1e-5, 10.0, 1e-3)


def _check_same(one: Sequence[RowValue], other: Sequence[RowValue]) -> None:
    for mine, theirs, allowed in zip(one, other, _ALLOWED, strict=True):
        assert mine.reason.tolist() == theirs.reason.tolist()
        assert mine.flags.tolist() == theirs.flags.tolist()
        assert mine.difference(theirs) <= allowed


@pytest.mark.parametrize("name", ["gpt2_folder", "llama_folder"])
@pytest.mark.parametrize("tokens", [1, 300, 10_000])
def test_numbers_do_not_depend_on_the_size_of_batches(
    request: pytest.FixtureRequest, tmp_path: Path, name: str, tokens: int
) -> None:
    folder = request.getfixturevalue(name)

    usual = _run(folder, tmp_path / "usual", _MIXED)
    other = _run(folder, tmp_path / "other", _MIXED, tokens)

    _check_same(other.values, usual.values)


@pytest.mark.parametrize("name", ["gpt2_folder", "llama_folder"])
def test_numbers_do_not_depend_on_the_rows_beside_them_nor_on_their_order(
    request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    folder = request.getfixturevalue(name)
    shuffled = [
        _MIXED[place] for place in np.random.Generator(np.random.Philox(3)).permutation(len(_MIXED))
    ]
    part = shuffled[:11]

    whole = _run(folder, tmp_path / "whole", _MIXED)
    again = _run(folder, tmp_path / "again", shuffled)
    less = _run(folder, tmp_path / "less", part)

    _check_same(again.values, whole.values)
    _check_same(less.only(part), whole.only(part))


def test_numbers_do_not_depend_on_the_size_of_shards(
    llama_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = _run(llama_folder, tmp_path / "usual", _MIXED)
    monkeypatch.setattr(CausalPass, "rows_per_shard", 4)
    other = _run(llama_folder, tmp_path / "other", _MIXED)

    assert len(list((tmp_path / "other/response_log_probs").rglob("rows-*.parquet"))) >= 8
    _check_same(other.values, usual.values)


def test_parts_of_the_work_done_apart_make_the_whole(
    letters: Letters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CausalPass, "rows_per_shard", 4)
    monkeypatch.setattr(row_work, "_CHECKED_ROWS", 0)
    rows = pool_of(_ROWS)
    feature = ResponseLogProbs(model="x", rendering=PLAIN)
    for shard in ((0, 2), (1, 2)):
        runtime = open_runtime(tmp_path / "parts")
        runtime.shard = shard
        work = row_work.RowWork(runtime)
        engine = Engine(rows, runtime)
        work.fill(engine.view(feature.dataset), [engine.resolve(feature)])
    assert len(letters.seen) == len(_ROWS)

    together: LogProbs = Engine(rows, open_runtime(tmp_path / "parts")).value(feature)
    whole: LogProbs = Engine(rows, open_runtime(tmp_path / "whole")).value(feature)

    assert len(letters.seen) == 2 * len(_ROWS)
    assert together.frame().equals(whole.frame())


def test_a_feature_that_asks_for_more_does_not_change_what_others_get(
    letters: Letters, tmp_path: Path
) -> None:
    rows = pool_of([*_ROWS, *TALKS])
    shared: dict[str, Any] = {"model": "x", "rendering": PLAIN}
    asked = [
        ResponseLogProbs(**shared), PromptLogProbs(**shared), TokenStatistics(**shared),
        HiddenStates(**shared), HiddenStates(over="response", pooling="last", **shared),
        ResponseLogProbs(tokens=True, **shared),
    ]  # fmt: skip

    together = Engine(rows, open_runtime(tmp_path / "together")).compute(asked)
    for number, feature in enumerate(asked):
        alone = Engine(rows, open_runtime(tmp_path / str(number))).value(feature)
        assert alone.difference(together[number]) == 0
        assert alone.flags.tolist() == together[number].flags.tolist()


def test_progress_is_told_in_rows_and_ends_with_all_of_them(letters: Letters) -> None:
    told: list[int] = []
    feature = ResponseLogProbs(model="x", rendering=PLAIN)
    pass_ = feature.reading()
    assert isinstance(pass_, CausalPass)
    reading = CausalReading(letters, pass_)
    rows = [*_ROWS, turns("Q1", "A1", "Q2", "A2"), conversation("Q", "A" * 5000)]

    reading.finish(reading.prepare(rows, [feature]), [feature], told.append)

    assert sum(told) == len(rows)
    assert min(told) >= 0
    assert len(told) == len(rows)


def test_a_pass_tells_what_it_does_and_which_model_does_it() -> None:
    model = "folder/model@0123456789ab"

    assert ResponseLogProbs(model=model).reading().label() == "answers given prompt (folder/model)"
    alone = ResponseLogProbs(model=model, given="nothing")
    assert alone.reading().label() == "answers given nothing (folder/model)"


def test_only_causal_features_share_a_causal_pass(letters: Letters) -> None:
    from assay.features.text import Lengths  # noqa: PLC0415  a stranger here

    pass_ = ResponseLogProbs(model="x").reading()
    assert isinstance(pass_, CausalPass)
    with pytest.raises(TypeError, match="causal features alone"):
        CausalReading(letters, pass_)(_ROWS, [Lengths()])


# The contract


@pytest.mark.parametrize(
    "kind",
    [ResponseLogProbs, PromptLogProbs, TokenStatistics, HiddenStates, IFD, Superfiltering,
     Perplexity, TokenEntropy, TokenRank],
)  # fmt: skip
def test_every_component_keeps_the_contract(letters: Letters, kind: type[Component]) -> None:
    check_component(kind(model="x@0123456789ab", rendering=Rendering(max_tokens=128)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name"), [(ResponseLogProbs, "llama_folder"), (HiddenStates, "gpt2_folder")]
)
def test_real_models_keep_it_too(
    request: pytest.FixtureRequest, kind: type[Component], name: str
) -> None:
    folder = request.getfixturevalue(name)

    check_component(kind(model=str(folder), rendering=Rendering(max_tokens=128)))
