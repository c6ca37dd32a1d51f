"""Published ways of counting tokens, each against a loop written from its description.

Both codes take one text for prompt and answer together, as the tokenizer gives it by default, cut
its end off, and take the length of the prompt's own tokens for the place where the answer begins.
Sources: arXiv 2402.00530 (Superfiltering), arXiv 2308.12032 (IFD, Cherry LLM).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from assay.components.rendering import Rendering
from assay.engine.engine import Engine
from assay.features.log_probs import ResponseLogProbs
from assay.methods.combinations.top_score import TopScore
from assay.methods.likelihood.ifd import IFD
from assay.methods.likelihood.superfiltering import Superfiltering
from assay.outcomes import ScoreTable
from assay.samples import Flag, FloatArray, Reason
from assay.testing import pool as pool_of
from assay.values import LogProbs
from tests.causal_rows import (
    ALPACA,
    ALPACA_WITH_INPUT,
    EDGE_ROWS,
    PlainLoop,
    Row,
    exchange,
    open_runtime,
    ordinary_rows,
    set_budget,
)

_TOLERANCE = 1e-5
_LIMITS = (64, 128, 256)
_ROWS = [*EDGE_ROWS.values(), *ordinary_rows(60, seed=3)]


class Losses(NamedTuple):
    """Mean loss and number of tokens, given the prompt and alone; NaN where none is scored."""

    given: float
    alone: float
    count_given: int
    count_alone: int
    merged: bool


def _mean(log_probs: FloatArray) -> float:
    return float(-log_probs.mean()) if len(log_probs) else float("nan")


def _superfiltering(loop: PlainLoop, row: Row, limit: int) -> Losses:
    """Return the losses of arXiv 2402.00530: no template; the first token alone has no loss."""
    instruction, context, answer = row
    prompt = f"{instruction}\n{context}\n" if context else f"{instruction}\n"
    whole = loop.usual(prompt + answer)
    own = loop.usual(prompt)
    start = min(len(own), limit)
    given = loop.log_probs(whole[:limit])[max(start, 1) - 1 :]
    alone = loop.log_probs(loop.usual(answer)[: limit - start + 1])
    return Losses(_mean(given), _mean(alone), len(given), len(alone), whole[: len(own)] != own)


def _cherry(loop: PlainLoop, row: Row, limit: int) -> Losses:
    """Return the losses of arXiv 2308.12032: Alpaca's wording; alone, a marker stands before."""
    instruction, context, answer = row
    wording = ALPACA_WITH_INPUT if context else ALPACA
    prompt = wording.replace("{q}", instruction).replace("{i}", context)
    marker = "### Response:"

    def begins(text: str) -> int:
        return len(loop.usual(text[: text.rfind(answer)]))

    start = begins(prompt + answer)
    whole, bare = loop.usual(prompt + answer), loop.usual(marker + answer)
    # The code makes room for four tokens of the marker, BOS included, whatever the tokenizer.
    limit_alone = limit - start + 4
    own = loop.usual(prompt)
    merged = whole[: len(own)] != own
    if start >= limit:
        return Losses(np.nan, np.nan, 0, 0, merged)
    given = loop.log_probs(whole[:limit])[start - 1 :]
    alone = loop.log_probs(bare[:limit_alone])[begins(marker + answer) - 1 :]
    return Losses(_mean(given), _mean(alone), len(given), len(alone), merged)


class Case(NamedTuple):
    """A published code, the loop's numbers in the order of the pool, and an engine."""

    engine: Engine
    losses: list[Losses]
    rows: list[Row]
    model: str
    rendering: Rendering

    def log_probs(self, given: Any) -> LogProbs:
        found: LogProbs = self.engine.value(
            ResponseLogProbs(model=self.model, rendering=self.rendering, given=given)
        )
        return found

    def column(self, name: str) -> FloatArray:
        return np.array([getattr(row, name) for row in self.losses], np.float64)

    def place(self, name: str) -> int:
        return self.rows.index(EDGE_ROWS[name])


def _case(
    folder: Path,
    cache: Path,
    published: Callable[[PlainLoop, Row, int], Losses],
    rendering: Rendering,
) -> Case:
    runtime = open_runtime(cache)
    set_budget(runtime, folder, 1024)
    made = pool_of([exchange(row) for row in _ROWS])
    found = [c.messages for c in made.conversations(np.arange(len(made)))]
    rows = [(asked.content, asked.context, answer.content) for asked, answer in found]
    loop = PlainLoop.open(folder)
    losses = [published(loop, row, rendering.max_tokens) for row in rows]
    return Case(Engine(made, runtime), losses, rows, str(folder), rendering)


@pytest.fixture(scope="module", params=_LIMITS)
def superfiltering(
    request: pytest.FixtureRequest,
    gpt2_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Case:
    rendering = Rendering(template="plain", max_tokens=request.param, reference="superfiltering")
    return _case(gpt2_folder, tmp_path_factory.mktemp("super"), _superfiltering, rendering)


# The marker has four tokens in one tokenizer, as the published code expects, more in the other.
@pytest.fixture(
    scope="module", params=[("gpt2_folder", 128), *(("llama_folder", limit) for limit in _LIMITS)]
)
def cherry(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    name, limit = request.param
    rendering = Rendering(template="alpaca", max_tokens=limit, reference="cherry")
    folder = request.getfixturevalue(name)
    return _case(folder, tmp_path_factory.mktemp("cherry"), _cherry, rendering)


def _check_losses(case: Case) -> None:
    for given, name in (("prompt", "given"), ("nothing", "alone")):
        value = case.log_probs(given)
        expected = case.column(name)
        counts = case.column(f"count_{name}")
        blank = np.array([not row[2].strip() for row in case.rows])
        assert value.count[~blank].tolist() == counts[~blank].tolist()
        assert np.isnan(value.mean()).tolist() == np.isnan(expected).tolist()
        assert np.nanmax(np.abs(-value.mean() - expected)) < _TOLERANCE


def test_superfiltering_has_the_losses_of_the_published_code(superfiltering: Case) -> None:
    _check_losses(superfiltering)


def test_cherry_has_the_losses_of_the_published_code(cherry: Case) -> None:
    # Where the prompt fills the window the code gives up on the row; alone, we still read some.
    value = cherry.log_probs("nothing")
    gone = np.isnan(cherry.column("given"))
    expected = cherry.column("alone")
    assert np.abs(-value.mean() - expected)[~gone].max() < _TOLERANCE
    assert value.count[~gone].tolist() == cherry.column("count_alone")[~gone].tolist()

    value = cherry.log_probs("prompt")
    expected = cherry.column("given")
    assert np.isnan(value.mean()).tolist() == np.isnan(expected).tolist()
    assert np.nanmax(np.abs(-value.mean() - expected)) < _TOLERANCE


def test_superfiltering_scores_as_the_published_code(superfiltering: Case) -> None:
    method = Superfiltering(model=superfiltering.model, rendering=superfiltering.rendering)

    table: ScoreTable = superfiltering.engine.value(method)

    asked = np.array([bool(row[0].strip() or row[1].strip()) for row in superfiltering.rows])
    expected = np.exp(superfiltering.column("given") - superfiltering.column("alone"))
    expected[~asked] = np.nan  # the code scores rows that ask nothing; we give a reason
    assert np.isnan(table.main.values).tolist() == np.isnan(expected).tolist()
    assert np.nanmax(np.abs(table.main.values / expected - 1)) < 2 * _TOLERANCE


def test_cherry_keeps_the_rows_of_the_published_code_in_its_order(cherry: Case) -> None:
    method = IFD(model=cherry.model, rendering=cherry.rendering)

    record = cherry.engine.value(TopScore(by=method, budget=len(cherry.rows)))

    asked = np.array([bool(row[0].strip() or row[1].strip()) for row in cherry.rows])
    with np.errstate(invalid="ignore"):
        ratio = cherry.column("given") / cherry.column("alone")
    # Dropped: no room for an answer, no token left in either pass, a ratio over 1.
    survives = (ratio <= 1) & asked
    order = [place for place in np.argsort(-ratio, kind="stable").tolist() if survives[place]]
    assert record.selection.indices.tolist() == order
    assert 0 < len(order) < asked.sum()


def _check_mode(case: Case, method: Superfiltering | IFD, expected: FloatArray) -> None:
    table: ScoreTable = case.engine.value(method)

    known = ~np.isnan(table.main.values)
    assert known.sum() > 60
    assert np.abs(table.main.values / expected - 1)[known].max() < 2 * _TOLERANCE


# The windows of the models are 256, so that the limits of the codes play no part.


def test_superfiltering_has_a_mode_that_counts_as_published(
    gpt2_folder: Path, tmp_path: Path
) -> None:
    rendering = Rendering(template="plain", max_tokens=256, reference="superfiltering")
    case = _case(gpt2_folder, tmp_path, _superfiltering, rendering)
    method = Superfiltering(model=case.model, mode="reference")

    _check_mode(case, method, np.exp(case.column("given") - case.column("alone")))


def test_ifd_has_a_mode_that_counts_as_published(llama_folder: Path, tmp_path: Path) -> None:
    rendering = Rendering(template="alpaca", max_tokens=256, reference="cherry")
    case = _case(llama_folder, tmp_path, _cherry, rendering)
    method = IFD(model=case.model, mode="reference")

    _check_mode(case, method, case.column("given") / case.column("alone"))


def test_a_mode_takes_over_what_the_rendering_changes() -> None:
    method = IFD(model="x", mode="reference", rendering=Rendering(max_tokens=1024))
    assert method.used_rendering() == Rendering(max_tokens=1024, reference="cherry")

    method = IFD(model="x", mode="reference")
    assert method.used_rendering().max_tokens == 512
    assert Superfiltering(model="x", mode="reference").used_rendering().template == "plain"


# What follows from the tokens


def test_alone_superfiltering_scores_a_token_less_unless_something_was_cut_or_merged(
    superfiltering: Case,
) -> None:
    given, alone = superfiltering.log_probs("prompt"), superfiltering.log_probs("nothing")
    cut = (given.flags & Flag.RESPONSE_TRUNCATED) != 0
    merged = (given.flags & Flag.BOUNDARY_MERGE) != 0
    blank = given.reason == Reason.EMPTY_RESPONSE
    whole = ~cut & ~merged & ~blank

    assert whole.sum() > 5
    assert (alone.count[whole] == given.count[whole] - 1).all()


def test_alone_cherry_scores_fewer_tokens_of_a_cut_answer_by_what_its_marker_takes_more(
    cherry: Case,
) -> None:
    given, alone = cherry.log_probs("prompt"), cherry.log_probs("nothing")
    merged = (given.flags & Flag.BOUNDARY_MERGE) != 0
    usual = (given.reason == 0) & (alone.reason == 0) & ~merged
    cut = (given.flags & Flag.RESPONSE_TRUNCATED) != 0
    more = len(PlainLoop.open(Path(cherry.model)).usual("### Response:")) - 4
    assert (usual & ~cut).sum() > 5
    assert (usual & cut).sum() > 0
    assert (alone.count[usual & ~cut] == given.count[usual & ~cut]).all()
    assert (alone.count[usual & cut] == given.count[usual & cut] - more).all()


def test_an_answer_that_merges_with_its_prompt_is_flagged(superfiltering: Case) -> None:
    value = superfiltering.log_probs("prompt")

    merged = (value.flags & Flag.BOUNDARY_MERGE) != 0
    assert merged.tolist() == [row.merged for row in superfiltering.losses]
    assert merged[superfiltering.place("two newlines first")]
    assert not merged[superfiltering.place("leading space")]


def test_rows_without_a_scored_token_have_a_reason(superfiltering: Case) -> None:
    given, alone = superfiltering.log_probs("prompt"), superfiltering.log_probs("nothing")

    empty = superfiltering.place("empty response")
    assert given.reason[empty] == alone.reason[empty] == Reason.EMPTY_RESPONSE
    full = superfiltering.place("prompt over the limit")
    assert given.reason[full] == alone.reason[full] == Reason.NO_SCORED_TOKENS
    single = superfiltering.place("one token")
    assert given.reason[single] == 0
    assert given.flags[single] & Flag.ONE_TOKEN
    assert alone.reason[single] == Reason.NO_SCORED_TOKENS
