from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.components.rendering import Rendering
from assay.components.rule import Rule
from assay.engine.engine import Engine
from assay.methods.likelihood.perplexity import Perplexity
from assay.samples import Reason
from assay.testing import pool as pool_of
from tests.causal_rows import open_runtime
from tests.letters_model import BOS, Letters, log_prob, use
from tests.likelihoods import ROWS, chosen_rows, losses, score_rows, seen_texts

PLAIN = Rendering(template="plain", max_tokens=256)


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> Letters:
    model = Letters()
    use(monkeypatch, model)
    return model


def _method(**parameters: Any) -> Perplexity:
    return Perplexity(model="x", rendering=PLAIN, **parameters)


def test_it_is_the_exponential_of_the_mean_loss() -> None:
    found = _method().score(response=losses(0.0, 1.0, np.log(20)))

    assert found == pytest.approx([1.0, np.e, 20.0])


def test_of_both_parts_every_token_counts_the_same() -> None:
    found = _method(target="all").score(response=losses(1.0, count=1), prompt=losses(2.0, count=3))

    assert found == pytest.approx([np.exp(7 / 4)])


def _expected(prompt: str, answer: str, part: slice) -> float:
    ids = [BOS, *map(ord, prompt + answer)]
    return float(np.exp(-np.mean([log_prob(ids, place) for place in range(1, len(ids))][part])))


@pytest.mark.parametrize(
    ("target", "part"),
    [
        ("response", slice(len("Answer with a number.\n"), None)),
        ("prompt", slice(0, len("Answer with a number.\n"))),
        ("all", slice(None)),
    ],
)
def test_one_row_by_hand(letters: Letters, target: str, part: slice) -> None:
    values, _ = score_rows(_method(target=target))

    expected = _expected("Answer with a number.\n", "1", part)
    assert values["one token"] == pytest.approx(expected, rel=1e-5)


def test_alone_the_prompt_is_not_read(letters: Letters) -> None:
    values, _ = score_rows(_method(given="nothing"))

    assert values["one token"] == pytest.approx(_expected("", "1", slice(None)), rel=1e-5)
    assert not any("number" in text for text in seen_texts(letters))


def test_a_row_that_asks_nothing_still_has_a_perplexity(letters: Letters) -> None:
    values, reasons = score_rows(_method())

    assert reasons == {
        "empty response": Reason.EMPTY_RESPONSE,
        "blank response": Reason.EMPTY_RESPONSE,
    }
    assert all(value >= 1 for value in values.values())


def test_prompt_and_answer_together_need_an_answer(letters: Letters) -> None:
    _, reasons = score_rows(_method(target="all"))

    assert set(reasons) == {"empty response", "blank response"}


def test_a_prompt_has_a_perplexity_without_an_answer(letters: Letters) -> None:
    values, reasons = score_rows(_method(target="prompt"))

    assert reasons == {}
    assert values["empty response"] == pytest.approx(
        _expected("Say nothing at all.\n", "", slice(None)), rel=1e-5
    )


def test_rows_without_a_score_are_in_no_selection(letters: Letters, tmp_path: Path) -> None:
    engine = Engine(pool_of(list(ROWS.values())), open_runtime(tmp_path))
    values, _ = score_rows(_method())

    chosen = chosen_rows(_method(), engine)

    assert [values[name] for name in chosen] == sorted(values.values())
    assert len(chosen) == len(values)


def test_low_is_preferred_and_nothing_is_ruled_out() -> None:
    assert _method().prefer == "low"
    assert _method().default_rule() == Rule()
