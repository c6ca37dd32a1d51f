"""What a service would be asked: told without a request, and true when the requests are sent."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.components.base import Component
from assay.components.decoding import Decoding
from assay.components.rendering import Rendering
from assay.engine.engine import Engine
from assay.engine.planning import Plan, plan
from assay.engine.row_shards import unfinished_folder
from assay.features.generations import Generations
from assay.features.log_probs import PromptLogProbs, ResponseLogProbs
from assay.features.passes import Pass, RowFeature
from assay.features.training_tokens import TrainingTokens
from assay.models.service import Price
from assay.runtime import Runtime
from assay.stores import pace
from assay.testing import pool
from tests.causal_rows import EDGE_ROWS, TALKS, PlainLoop, exchange, open_runtime, ordinary_rows
from tests.impatience import ask_again_at_once
from tests.model_server import NAME, ModelServer, serving
from tests.tiny_models import POSITIONS

pytest.importorskip("torch")

PLAIN, CHAT = Rendering(template="plain"), Rendering(template="chat")
SHORT = Decoding(max_new_tokens=6)
_ROWS = [exchange(row) for row in [*EDGE_ROWS.values(), *ordinary_rows(31)]]
_WARM = [exchange(("A row of another pool?", "", "It opens the model."))]
NOBODY = "http://127.0.0.1:9/v1#tiny"
"""Where no server is."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    ask_again_at_once(monkeypatch, 0.01, 0.02)


@pytest.fixture(scope="module")
def chatting(chat_folder: Path) -> PlainLoop:
    return PlainLoop.open(chat_folder)


@pytest.fixture
def server(chatting: PlainLoop) -> Iterator[ModelServer]:
    with serving(chatting) as running:
        yield running


def _known(server: ModelServer, folder: Path) -> str:
    """Return an address with which nothing has to be asked of the server."""
    return f"{server.base}?tokenizer={folder}&window={POSITIONS}#{NAME}"


def _opened(runtime: Runtime, server: ModelServer, *features: RowFeature) -> None:
    """Open the model with another row, so that what is sent from here on is for rows alone."""
    Engine(pool(_WARM), runtime).compute(features)
    server.requests.clear()
    server.asked.clear()


def _planned(engine: Engine, *components: Component) -> Plan:
    planned = plan(engine, components)
    assert planned.refusals == []
    return planned


def _price(engine: Engine, *components: Component) -> Price:
    found = [step.price for step in _planned(engine, *components).steps if step.price is not None]
    assert len(found) == 1
    return found[0]


def _sent(server: ModelServer) -> tuple[int, int]:
    """Return the requests for texts, and the tokens in them."""
    routes = ("/v1/completions", "/v1/chat/completions")
    return sum(server.requests.count(each) for each in routes), sum(map(len, server.asked))


# What is told is what is sent


@pytest.mark.parametrize("template", ["plain", "chat"])
def test_replies_are_priced_by_what_is_then_sent(
    server: ModelServer, chat_folder: Path, tmp_path: Path, template: str
) -> None:
    runtime = open_runtime(tmp_path)
    rendering = Rendering(template=template)
    feature = Generations(
        model=_known(server, chat_folder), rendering=rendering, decoding=SHORT
    )  # fmt: skip
    twice = [exchange((*row[:2], "Another answer.")) for row in ordinary_rows(3)]
    talks = [*TALKS, *[exchange(row) for row in ordinary_rows(31)]]
    _opened(runtime, server, feature)
    engine = Engine(pool([*talks, *twice]), runtime)

    price = _price(engine, feature)
    assert server.requests == []
    engine.value(feature)

    assert (price.most, price.tokens_in) == _sent(server)
    assert price.fewest == price.most < len(talks) + 3
    assert price.tokens_out <= SHORT.max_new_tokens * price.most
    assert price.exact
    assert price.counted


@pytest.mark.parametrize("one_prompt", [False, True])
def test_log_probabilities_are_priced_by_what_is_then_sent(
    chatting: PlainLoop, chat_folder: Path, tmp_path: Path, *, one_prompt: bool
) -> None:
    with serving(chatting, one_prompt=one_prompt) as server:
        model = _known(server, chat_folder)
        features = [each(model=model, rendering=PLAIN) for each in (ResponseLogProbs,
                                                                   PromptLogProbs)]  # fmt: skip
        runtime = open_runtime(tmp_path)
        _opened(runtime, server, *features)
        engine = Engine(pool(_ROWS), runtime)

        price = _price(engine, *features)
        assert server.requests == []
        engine.compute(features)

        requests, tokens = _sent(server)
    assert (price.most if one_prompt else price.fewest, price.tokens_in) == (requests, tokens)
    assert price.fewest < price.most <= len(_ROWS)
    assert price.exact
    assert price.counted


def test_rows_in_many_shards_are_priced_shard_by_shard(
    server: ModelServer, chat_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in (ResponseLogProbs, Generations):
        feature = kind(model=_known(server, chat_folder), rendering=PLAIN)
        monkeypatch.setattr(type(feature.reading()), "least_rows", 2)
    features: list[RowFeature] = [
        ResponseLogProbs(model=_known(server, chat_folder), rendering=PLAIN),
        Generations(model=_known(server, chat_folder), rendering=PLAIN, decoding=SHORT),
    ]
    same = [exchange((*row[:2], f"Answer {n}.")) for n, row in enumerate(ordinary_rows(1) * 8)]
    for number, each in enumerate(features):
        runtime = open_runtime(tmp_path / str(number))
        _opened(runtime, server, each)
        engine = Engine(pool([*_ROWS, *same]), runtime)
        price = _price(engine, each)
        engine.value(each)

        assert (price.fewest, price.tokens_in) == _sent(server)


@pytest.mark.parametrize("kind", [ResponseLogProbs, Generations])
def test_a_continued_run_asks_for_exactly_the_missing_rows(
    server: ModelServer,
    chat_folder: Path,
    tmp_path: Path,
    kind: type[ResponseLogProbs | Generations],
) -> None:
    feature = kind(model=_known(server, chat_folder), rendering=PLAIN)
    runtime = open_runtime(tmp_path)
    _opened(runtime, server, feature)
    few = [exchange(row) for row in ordinary_rows(20, seed=1)]
    more = [exchange(row) for row in ordinary_rows(12, seed=2)]
    Engine(pool(few), runtime).value(feature)
    server.requests.clear()
    before = set(server.asked)
    server.asked.clear()
    engine = Engine(pool([*few, *more]), runtime)

    [step] = _planned(engine, feature).steps
    assert (step.rows, step.missing, server.requests) == (32, 12, [])
    engine.value(feature)

    assert step.price is not None
    assert (step.price.fewest, step.price.tokens_in) == _sent(server)
    assert len(server.asked) == 12
    assert not before & set(server.asked)
    again = Engine(engine.pool, runtime)
    assert [each.missing for each in _planned(again, feature).steps] == [0]


def test_a_model_that_changed_is_told_by_its_label_and_not_asked(
    server: ModelServer, chat_folder: Path, tmp_path: Path
) -> None:
    feature = ResponseLogProbs(model=_known(server, chat_folder), rendering=PLAIN)
    runtime = open_runtime(tmp_path)
    first = Engine(pool(_ROWS[-8:]), runtime).value(feature)
    server.asked.clear()
    server.mangle = lambda found, ids: [None, *(2 * v for v in found[1:] if v is not None)]

    engine = Engine(pool(_ROWS[-12:]), runtime)
    second = engine.value(feature)

    assert len(server.asked) == 4
    assert set(first.sum.tolist()) < set(second.sum.tolist())
    labelled = feature.model_copy(update={"model": f"{feature.model}@v2"})
    assert engine.missing_rows(engine.resolve(labelled)) == 12


# Without the server


@pytest.mark.parametrize(
    "feature",
    [
        ResponseLogProbs(model=NOBODY),
        Generations(model=NOBODY),
        Generations(model=NOBODY, rendering=CHAT),
        Generations(model=NOBODY, decoding=Decoding(temperature=1.0)),
    ],
)
def test_a_plan_needs_no_server_and_estimates_tokens(feature: RowFeature, tmp_path: Path) -> None:
    price = _price(Engine(pool(_ROWS), open_runtime(tmp_path)), feature)

    letters = sum(len(row.prompt.encode()) for row in _ROWS)
    assert price.tokens_in > letters / 8
    assert not price.counted
    assert "about" in price.words()
    assert 0 < price.most <= len(_ROWS)


def test_what_cannot_be_told_is_said_to_depend_on_the_server(tmp_path: Path) -> None:
    [step] = _planned(
        Engine(pool(_ROWS), open_runtime(tmp_path)), TrainingTokens(model=NOBODY)
    ).steps  # fmt: skip

    assert (step.price, step.seconds) == (None, None)
    assert step.remark.endswith("depends on the server")


def test_a_format_that_only_the_server_has_is_a_refusal(tmp_path: Path) -> None:
    engine = Engine(pool(_ROWS), open_runtime(tmp_path))

    planned = plan(engine, [ResponseLogProbs(model=NOBODY, rendering=CHAT)])

    [refusal] = planned.refusals
    assert "on its server alone" in str(refusal)


def test_estimates_say_that_they_are_and_a_tokenizer_without_a_window_is_one(
    server: ModelServer, chat_folder: Path, tmp_path: Path
) -> None:
    engine = Engine(pool(_ROWS), open_runtime(tmp_path))
    address = f"{server.base}?tokenizer={chat_folder}#{NAME}"

    bare = _price(engine, Generations(model=address, rendering=PLAIN))
    chat = _price(engine, Generations(model=address, rendering=CHAT))

    assert (bare.exact, bare.counted, chat.exact, chat.counted) == (False, False, True, True)
    assert server.requests == []


def test_an_estimate_of_a_prompt_bounds_the_reply_by_its_limit_alone(tmp_path: Path) -> None:
    narrow = Rendering(template="plain", max_tokens=10)
    feature = Generations(model=NOBODY, rendering=narrow, decoding=SHORT)

    price = _price(Engine(pool(_ROWS), open_runtime(tmp_path)), feature)

    assert price.tokens_out == SHORT.max_new_tokens * price.most


def test_what_a_stopped_run_has_kept_makes_the_number_an_estimate(tmp_path: Path) -> None:
    engine = Engine(pool(_ROWS), open_runtime(tmp_path))
    feature = engine.resolve(Generations(model=NOBODY, rendering=CHAT))
    assert _price(engine, feature).exact

    unfinished_folder(engine.runtime.cache, feature.reading()).mkdir(parents=True)

    assert not _price(engine, feature).exact


def test_more_rows_than_are_counted_are_taken_as_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(pool(_ROWS[9:]), open_runtime(tmp_path))
    feature = Generations(model=NOBODY, rendering=CHAT)
    [step] = plan(engine, [feature], rows=310).steps
    assert step.price is not None
    assert (step.price.most, step.price.exact) == (310, False)

    whole = _price(engine, feature)
    monkeypatch.setattr(type(feature.reading()), "least_rows", 2)
    monkeypatch.setattr(Pass, "priced_rows", 10)
    part = _price(engine, feature)

    assert (whole.most, whole.exact) == (31, True)
    assert (part.most, part.exact) == (31, False)
    assert part.tokens_in == pytest.approx(whole.tokens_in, rel=0.5)


# How long it takes


def test_a_pass_takes_as_long_as_it_took_before(
    server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "_LEAST_SECONDS", 0.0)
    feature = Generations(model=server.address, rendering=CHAT, decoding=SHORT)
    runtime = open_runtime(tmp_path)
    more = Engine(pool(_ROWS[9:]), runtime)
    assert _planned(more, feature).seconds is None

    Engine(pool(_ROWS[9:29]), runtime).value(feature)
    server.requests.clear()

    [step] = _planned(more, feature).steps
    assert step.missing == 11
    assert step.seconds is not None
    assert 0 < step.seconds < 60
    assert server.requests == []


def test_words_and_facts_say_the_same() -> None:
    both = Price(250, 2000, 310_000, 2000) + Price(1, 8, 900, 8, exact=False, counted=False)

    assert Price(1, 1, 20, 8).words() == "1 request, 20 tokens in, at most 8 out"
    assert both.words() == (
        "about 251 to 2,008 requests, about 311k tokens in, at most 2.01k out"
    )  # fmt: skip
    assert both.facts() == {
        "requests": [251, 2008],
        "requests_estimated": True,
        "tokens_in": 310_900,
        "tokens_in_estimated": True,
        "tokens_out_at_most": 2008,
    }
