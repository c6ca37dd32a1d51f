"""The causal pass against a plain loop: every span by itself, one context token, one row a time."""

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from assay.components.rendering import Rendering
from assay.features.causal_pass import CausalFeature
from assay.features.hidden_states import HiddenStates
from assay.features.log_probs import (
    PromptLogProbs,
    ResponseLogProbs,
    TokenMargins,
    TokenStatistics,
)
from assay.methods.likelihood.perplexity import Perplexity
from assay.pool.pool import Pool
from assay.runtime import Runtime
from assay.samples import Conversation, Flag, Reason
from assay.testing import pool as pool_of
from assay.testing import value_of
from tests.causal_rows import (
    EDGE_ROWS,
    TALKS,
    PlainLoop,
    Scored,
    alone,
    exchange,
    given_prompt,
    open_runtime,
    ordinary_rows,
    set_budget,
    spans_of,
    turns,
)

_SHARED = Path(__file__).parents[2] / "../shared"
_TINYSTORIES = _SHARED / "models/tinystories-llama-3.3m"
_TOLERANCE = 1e-5


class Case(NamedTuple):
    """A model as both sides know it, and rows in the order of a pool."""

    folder: Path
    loop: PlainLoop
    runtime: Runtime
    rows: Pool
    conversations: list[Conversation]
    limit: int

    def value(self, kind: type[CausalFeature], **parameters: Any) -> Any:
        feature = kind(model=str(self.folder), rendering=self.rendering, **parameters)
        return value_of(feature, self.rows, runtime=self.runtime)

    @property
    def rendering(self) -> Rendering:
        return Rendering(max_tokens=self.limit)


@pytest.fixture(scope="module", params=["gpt2_folder", "llama_folder"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = request.getfixturevalue(request.param)
    rows = [exchange(row) for row in [*EDGE_ROWS.values(), *ordinary_rows(48)]]
    return _case(folder, [*rows, *TALKS], tmp_path_factory.mktemp("cache"), 256)


def _case(folder: Path, rows: Sequence[Conversation], cache: Path, limit: int) -> Case:
    runtime = open_runtime(cache)
    set_budget(runtime, folder, 2048)
    made = pool_of(rows)
    found = made.conversations(np.arange(len(made)))
    return Case(folder, PlainLoop.open(folder), runtime, made, found, limit)


def _sequences(case: Case, given: str) -> Iterator[list[Scored]]:
    for conversation in case.conversations:
        if given == "nothing":
            yield alone(case.loop, conversation, case.limit)
        else:
            yield [given_prompt(case.loop, conversation, case.limit)]


def _check_means(case: Case, given: str) -> None:
    value = case.value(ResponseLogProbs, given=given)
    found = [case.loop.scored(sequences) for sequences in _sequences(case, given)]

    counts = np.array([len(tokens) for tokens in found])
    blank = np.array([not c.responses.strip() for c in case.conversations])
    assert ((value.reason == Reason.EMPTY_RESPONSE) == blank).all()
    assert set(value.reason[~blank].tolist()) == {Reason.OK}
    assert value.count.tolist() == counts.tolist()
    expected = np.array([tokens.mean() if len(tokens) else np.nan for tokens in found])
    assert np.isnan(value.mean()).tolist() == np.isnan(expected).tolist()
    assert np.nanmax(np.abs(value.mean() - expected)) < _TOLERANCE


@pytest.mark.parametrize("given", ["prompt", "nothing"])
def test_mean_losses_are_those_of_the_loop(case: Case, given: str) -> None:
    _check_means(case, given)


def test_both_ways_score_the_same_number_of_tokens(case: Case) -> None:
    conditioned, alone = (case.value(ResponseLogProbs, given=g) for g in ("prompt", "nothing"))

    assert conditioned.count.tolist() == alone.count.tolist()
    assert (conditioned.count > 0).sum() == len(case.rows) - 1


def test_the_tokens_of_a_row_are_those_of_the_loop_in_order(case: Case) -> None:
    value = case.value(ResponseLogProbs, given="prompt", tokens=True)

    assert value.tokens is not None
    for mine, sequences in zip(value.tokens.to_list(), _sequences(case, "prompt"), strict=True):
        theirs = case.loop.scored(sequences)
        assert len(mine) == len(theirs)
        assert np.abs(np.array(mine) - theirs).max(initial=0.0) < 1e-4


def test_prompts_have_the_likelihood_of_a_pass_over_the_prompt_alone(case: Case) -> None:
    value = case.value(PromptLogProbs)

    expected = []
    for conversation, (window,) in zip(case.conversations, _sequences(case, "prompt"), strict=True):
        if sum(message.role == "assistant" for message in conversation.messages) > 1:
            expected.append(np.nan)  # tokens between answers, too: checked elsewhere
            continue
        stop = window.places[0] if window.places else len(window.ids)
        expected.append(case.loop.log_probs(window.ids[:stop]).mean())
    known = ~np.isnan(expected)
    assert known.sum() >= 57
    assert np.abs(value.mean() - np.array(expected))[known].max() < _TOLERANCE


def test_entropy_rank_and_top_probability_are_those_of_all_logits(case: Case) -> None:
    value = case.value(TokenStatistics)

    rows = [_statistics(case.loop, window) for (window,) in _sequences(case, "prompt")]
    expected = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    known = ~np.isnan(expected["entropy"])
    assert known.sum() == len(case.rows) - 1
    for name in ("entropy", "top_probability"):
        assert np.isnan(value[name]).tolist() == (~known).tolist()
        assert np.abs(value[name] - expected[name])[known].max() < _TOLERANCE
    # Of two tokens that are as good as equally probable either may come first.
    for name in ("rank", "accuracy"):
        assert (value[name] >= expected[f"least {name}"] - 1e-9)[known].all()
        assert (value[name] <= expected[f"greatest {name}"] + 1e-9)[known].all()
        exact = expected[f"least {name}"] == expected[f"greatest {name}"]
        assert exact[known].mean() > 0.8


def test_margins_are_those_of_all_logits(case: Case) -> None:
    value = case.value(TokenMargins)

    rows = [_statistics(case.loop, window) for (window,) in _sequences(case, "prompt")]
    for name, found in value.columns.items():
        expected = np.array([row[name] for row in rows])
        assert np.isnan(found).tolist() == np.isnan(expected).tolist()
        # Logits of these models lie in the hundreds.
        assert np.nanmax(np.abs(found - expected)) < (1e-4 if name == "log_margin" else _TOLERANCE)


def _statistics(loop: PlainLoop, window: Scored) -> dict[str, float]:
    names = ("rank", "accuracy")
    if not window.places:
        limits = {f"{end} {name}": np.nan for end in ("least", "greatest") for name in names}
        means = ("entropy", "top_probability", "runner_up", "margin", "log_margin")
        return dict.fromkeys(means, np.nan) | limits
    logits = np.asarray(loop.logits(window.ids).double())[np.array(window.places) - 1]
    labels = np.array(window.ids)[window.places]
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    surprise = np.log(np.where(probabilities > 0, probabilities, 1.0))
    true = logits[np.arange(len(labels)), labels][:, None]
    first, last = (1 + (logits > true + slack).sum(axis=1) for slack in (1e-5, -1e-5))
    last = last - 1  # the true token itself
    return {
        "entropy": float(-(probabilities * surprise).sum(axis=1).mean()),
        "top_probability": float(probabilities.max(axis=1).mean()),
        "runner_up": float(np.sort(probabilities, axis=1)[:, -2].mean()),
        "margin": float(np.diff(np.sort(probabilities, axis=1)[:, -2:]).mean()),
        "log_margin": float(np.diff(np.sort(logits, axis=1)[:, -2:]).mean()),
        "least rank": float(first.mean()),
        "greatest rank": float(last.mean()),
        "least accuracy": float((last == 1).mean()),
        "greatest accuracy": float((first == 1).mean()),
    }


def test_what_was_cut_is_flagged_and_nothing_else(case: Case) -> None:
    value = case.value(ResponseLogProbs)
    flagged = dict.fromkeys(EDGE_ROWS, Flag.NONE)
    flagged["prompt over the limit"] = Flag.PROMPT_TRUNCATED
    flagged["response over the limit"] = Flag.RESPONSE_TRUNCATED
    flagged["empty instruction"] = Flag.EMPTY_PROMPT

    places = {row: place for place, row in enumerate(case.conversations)}
    cut = Flag.PROMPT_TRUNCATED | Flag.RESPONSE_TRUNCATED | Flag.EMPTY_PROMPT
    for name, row in EDGE_ROWS.items():
        flags = Flag(int(value.flags[places[exchange(row)]])) & cut
        assert flags == flagged[name], name
    assert ((value.flags & int(cut)) != 0).sum() == 3


# Without a context token


class Read(NamedTuple):
    """A conversation as one sequence, and the places of prompt and answers, first tokens apart."""

    ids: list[int]
    prompt: list[int]
    scored: list[int]
    spoken: list[int]


def _bare(loop: PlainLoop, talk: Conversation, choice: str) -> Read:
    """Return what is read of a talk when no token stands before it."""
    spans = spans_of(talk)
    answers = [place for place, (text, is_answer) in enumerate(spans) if is_answer and text.strip()]
    wanted = {"first": answers[:1], "last": answers[-1:]}.get(choice, answers)
    read = Read([], [], [], [])
    for place, (text, _) in enumerate(spans[: wanted[-1] + 1]):
        places = list(range(len(read.ids), len(read.ids) + len(loop.plain(text))))
        read.ids.extend(loop.plain(text))
        if place in wanted:
            read.scored.extend(places[1:])
            read.spoken.extend(places)
        else:
            read.prompt.extend(place for place in places if place > 0)
    return read


@pytest.mark.parametrize("choice", ["all", "each", "first", "last"])
def test_without_a_context_token_prompt_and_answers_are_those_of_the_loop(
    case: Case, choice: Any
) -> None:
    rendering = Rendering(max_tokens=case.limit, turns=choice, context_token="none")
    talks = pool_of([*TALKS, exchange(EDGE_ROWS["one token"]), exchange(ordinary_rows(1)[0])])
    model = str(case.folder)
    prompt, answer, statistics, states, both = (
        value_of(feature, talks, runtime=case.runtime)
        for feature in (
            PromptLogProbs(model=model, rendering=rendering),
            ResponseLogProbs(model=model, rendering=rendering),
            TokenStatistics(model=model, rendering=rendering),
            HiddenStates(model=model, rendering=rendering, over="response"),
            Perplexity(model=model, rendering=rendering, target="prompt"),
        )
    )

    for place, talk in enumerate(talks.conversations(np.arange(len(talks)))):
        read = _bare(case.loop, talk, choice)
        table = np.concatenate([[np.nan], case.loop.log_probs(read.ids)])
        assert prompt.count[place] == len(read.prompt)
        assert prompt.sum[place] == pytest.approx(table[read.prompt].sum(), rel=1e-5)
        assert both.main.values[place] == pytest.approx(
            np.exp(-table[read.prompt].mean()), rel=1e-4
        )
        assert answer.count[place] == len(read.scored)
        if read.scored:
            assert answer.sum[place] == pytest.approx(table[read.scored].sum(), rel=1e-5)
            logits = np.asarray(case.loop.logits(read.ids).double())[np.array(read.scored) - 1]
            shifted = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
            entropy = -(np.exp(shifted) * shifted).sum(axis=1).mean()
            assert statistics["entropy"][place] == pytest.approx(entropy, rel=1e-4)
        mean = case.loop.states(read.ids)[read.spoken].mean(axis=0)
        unit = mean / np.linalg.norm(mean)
        assert np.abs(states.rows(np.array([place]))[0] - unit).max() < 2e-3


# Real rows and a trained model


def _records(name: str) -> list[Any]:
    text = gzip.decompress((_SHARED / "data" / name).read_bytes()).decode()
    if name.startswith("alpaca_data"):
        return list(json.loads(text))
    return [json.loads(line) for line in text.splitlines()]


def _alpaca(name: str, count: int) -> list[Conversation]:
    rows = _records(name)
    chosen = np.random.Generator(np.random.Philox(20)).choice(len(rows), count, replace=False)
    picked = [rows[place] for place in chosen.tolist()]
    return [exchange((row["instruction"], row["input"], row["output"])) for row in picked]


def _talks(count: int) -> list[Conversation]:
    """Return conversations of several turns, each turn's beginning, so that they fit."""
    sharegpt = [
        [turn["value"] for turn in record["conversations"]]
        for record in _records("sharegpt_zh_1k.jsonl.gz")[:count]
    ]
    chat = [
        [message["content"] for message in record["messages"]]
        for record in _records("ultrachat_200.jsonl.gz")[:count]
    ]
    # A Chinese letter takes three tokens, bytes, of models that never saw one.
    return [
        *(turns(*(text[:12] for text in texts[:4])) for texts in sharegpt),
        *(turns(*(text[:60] for text in texts[:6])) for texts in chat),
    ]


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.skipif(not _TINYSTORIES.exists(), reason="needs ../shared/models and ../shared/data")
@pytest.mark.parametrize("name", ["tinystories", "gpt2_folder"])
def test_600_real_rows_have_the_losses_of_the_loop(
    request: pytest.FixtureRequest, tmp_path: Path, name: str
) -> None:
    pytest.importorskip("torch")
    folder = _TINYSTORIES if name == "tinystories" else request.getfixturevalue(name)
    english, chinese = _alpaca("alpaca_data.json.gz", 500), _alpaca("alpaca_zh_20k.jsonl.gz", 50)
    edges = [exchange(row) for row in EDGE_ROWS.values()]
    case = _case(
        folder,
        [*english, *chinese, *_talks(25), *edges],
        tmp_path,
        512 if name == "tinystories" else 256,
    )

    assert len(case.rows) >= 600
    for given in ("prompt", "nothing"):
        _check_means(case, given)
