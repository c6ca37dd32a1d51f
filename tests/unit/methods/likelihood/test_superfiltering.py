from pathlib import Path

import numpy as np
import pytest

from assay.components.rendering import SUPERFILTERING, Rendering
from assay.components.rule import Rule
from assay.engine.engine import Engine
from assay.methods.likelihood.ifd import IFD
from assay.methods.likelihood.superfiltering import Superfiltering
from assay.outcomes import ScoreTable
from assay.samples import Flag, Reason
from assay.testing import pool as pool_of
from tests.causal_rows import open_runtime
from tests.letters_model import Letters, use
from tests.likelihoods import ROWS, chosen_rows, losses, score_rows

METHOD = Superfiltering(model="x", rendering=Rendering(max_tokens=256))


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> Letters:
    model = Letters()
    use(monkeypatch, model)
    return model


def test_it_is_the_exponential_of_the_difference() -> None:
    found = METHOD.score(conditioned=losses(0.6, 2.6, 3.0), alone=losses(0.7, 2.9, 2.0))

    assert found.values == pytest.approx(np.exp([-0.1, -0.3, 1.0]))
    assert found.values[:2] == pytest.approx([0.905, 0.741], abs=5e-4)


def test_it_orders_two_rows_the_other_way_round_than_the_ratio_of_losses() -> None:
    conditioned, alone = losses(0.6, 2.6), losses(0.7, 2.9)

    ratio = IFD(model="x").score(conditioned=conditioned, alone=alone).values
    found = METHOD.score(conditioned=conditioned, alone=alone).values

    assert ratio == pytest.approx([0.857, 0.897], abs=5e-4)
    assert ratio[0] < ratio[1]
    assert found[0] > found[1]


def test_both_say_the_same_of_one() -> None:
    conditioned, alone = losses(1.5, 0.2, 4.0), losses(1.5, 0.3, 3.0)

    for method in (METHOD, IFD(model="x")):
        values = method.score(conditioned=conditioned, alone=alone).values
        assert np.sign(values - 1).tolist() == [0, -1, 1]


@pytest.mark.parametrize("size", [89.0, 700.0, 1e5])
def test_perplexities_that_overflow_are_still_compared(size: float) -> None:
    found = METHOD.score(conditioned=losses(size), alone=losses(size + 0.5))

    assert found.values == pytest.approx(np.exp(-0.5))


def test_where_nothing_was_asked_or_nothing_is_uncertain_there_is_a_reason() -> None:
    conditioned = losses(1.0, 0.0, flags=[Flag.EMPTY_PROMPT, Flag.NONE])

    found = METHOD.score(conditioned=conditioned, alone=losses(1.0, 0.0))

    assert found.reason.tolist() == [Reason.EMPTY_PROMPT, Reason.ZERO_DENOMINATOR]


def test_high_is_preferred_and_one_is_left_out() -> None:
    assert METHOD.prefer == "high"
    assert METHOD.default_rule() == Rule(below=1.0)
    admitted = METHOD.default_rule().admits(np.array([0.3, np.nextafter(1, 0), 1.0, np.nan]))
    assert admitted.tolist() == [True, True, False, False]


def test_rows_without_a_score_have_a_reason_and_are_in_no_selection(
    letters: Letters, tmp_path: Path
) -> None:
    values, reasons = score_rows(METHOD)
    engine = Engine(pool_of(list(ROWS.values())), open_runtime(tmp_path))

    assert reasons == {
        "empty response": Reason.EMPTY_RESPONSE,
        "blank response": Reason.EMPTY_RESPONSE,
        "empty instruction": Reason.EMPTY_PROMPT,
        "blank instruction": Reason.EMPTY_PROMPT,
    }
    assert sorted(chosen_rows(METHOD, engine)) == sorted(values)


def test_an_answer_of_one_token_cannot_be_compared_as_published(letters: Letters) -> None:
    _, reasons = score_rows(Superfiltering(model="x", mode="reference"))

    assert reasons["one token"] == Reason.NO_SCORED_TOKENS


def test_it_follows_from_the_losses_that_ifd_reads(letters: Letters, tmp_path: Path) -> None:
    engine = Engine(pool_of(list(ROWS.values())), open_runtime(tmp_path))
    needs = {name: engine.value(need) for name, need in METHOD.requires().items()}

    table: ScoreTable = engine.value(METHOD)

    expected = np.exp(needs["alone"].mean() - needs["conditioned"].mean())
    known = table.main.reason == 0
    assert known.any()
    assert np.array_equal(table.main.values[known], expected[known])


def test_the_published_mode_has_passes_of_its_own() -> None:
    published = Superfiltering(model="x", mode="reference")

    assert published.requires()["alone"].rendering == SUPERFILTERING
    assert published.key != Superfiltering(model="x").key
