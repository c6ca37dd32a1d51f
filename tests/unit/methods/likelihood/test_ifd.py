from pathlib import Path

import numpy as np
import pytest

from assay.components.rendering import CHERRY, Rendering
from assay.components.rule import Rule
from assay.engine.engine import Engine
from assay.methods.combinations.top_score import TopScore
from assay.methods.likelihood.ifd import IFD
from assay.outcomes import SelectionRecord
from assay.samples import Flag, Reason
from assay.testing import pool as pool_of
from tests.causal_rows import open_runtime
from tests.letters_model import Letters, log_prob, use
from tests.likelihoods import ROWS, chosen_rows, losses, score_rows

METHOD = IFD(model="x", rendering=Rendering(max_tokens=256))


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> Letters:
    model = Letters()
    use(monkeypatch, model)
    return model


def test_the_published_examples_come_out() -> None:
    # Worked examples of the paper: 0.696 / 0.761 and 0.601 / 6.593.
    found = METHOD.score(conditioned=losses(0.696, 0.601), alone=losses(0.761, 6.593))

    assert found.values == pytest.approx([0.9146, 0.0912], abs=5e-5)
    assert found.reason.tolist() == [0, 0]


def test_it_is_a_ratio_of_means_whatever_the_number_of_tokens() -> None:
    found = METHOD.score(conditioned=losses(1.0, count=10), alone=losses(2.0, count=9))

    assert found.values.tolist() == [0.5]


def test_an_answer_that_is_certain_by_itself_has_nothing_to_divide_by() -> None:
    found = METHOD.score(conditioned=losses(0.5, 0.0), alone=losses(0.0, 0.0))

    assert found.reason.tolist() == [Reason.ZERO_DENOMINATOR] * 2


def test_an_answer_that_the_prompt_makes_certain_scores_zero() -> None:
    found = METHOD.score(conditioned=losses(0.0), alone=losses(2.0))

    assert (found.values.tolist(), found.reason.tolist()) == ([0.0], [0])


def test_an_answer_read_alone_both_times_has_no_score() -> None:
    lost = losses(1.0, 1.0, flags=[Flag.PROMPT_TRUNCATED | Flag.PROMPT_LOST, Flag.PROMPT_TRUNCATED])

    found = METHOD.score(conditioned=lost, alone=losses(1.0, 1.0))

    assert found.reason.tolist() == [Reason.TOO_LONG, 0]


def test_where_nothing_was_asked_there_is_nothing_to_compare() -> None:
    conditioned = losses(1.0, 1.0, flags=[Flag.EMPTY_PROMPT, Flag.ONE_TOKEN])

    found = METHOD.score(conditioned=conditioned, alone=losses(1.0, 1.0))

    assert found.reason.tolist() == [Reason.EMPTY_PROMPT, 0]


def test_high_is_preferred_and_above_one_is_left_out() -> None:
    assert METHOD.prefer == "high"
    assert METHOD.default_rule() == Rule(at_most=1.0)
    admitted = METHOD.default_rule().admits(np.array([0.3, 1.0, np.nextafter(1, 2), np.nan]))
    assert admitted.tolist() == [True, True, False, False]


def test_only_rows_that_cannot_be_compared_have_no_score(letters: Letters) -> None:
    values, reasons = score_rows(METHOD)

    assert reasons == {
        "empty response": Reason.EMPTY_RESPONSE,
        "blank response": Reason.EMPTY_RESPONSE,
        "empty instruction": Reason.EMPTY_PROMPT,
        "blank instruction": Reason.EMPTY_PROMPT,
    }
    assert all(value > 0 for value in values.values())


def test_one_row_by_hand(letters: Letters) -> None:
    values, _ = score_rows(METHOD)

    answer = [ord("1")]
    prompt = (
        "Below is an instruction that describes a task. Write a response that appropriately "
        "completes the request.\n\n### Instruction:\nAnswer with a number.\n\n### Response:"
    )
    conditioned = [1, *map(ord, prompt), *answer]
    expected = log_prob(conditioned, len(conditioned) - 1) / log_prob([1, *answer], 1)
    assert values["one token"] == pytest.approx(expected, abs=1e-6)


def test_rows_without_a_score_are_in_no_selection(letters: Letters, tmp_path: Path) -> None:
    engine = Engine(pool_of(list(ROWS.values())), open_runtime(tmp_path))
    values, reasons = score_rows(METHOD)

    chosen = chosen_rows(METHOD, engine)

    assert sorted(chosen) == sorted(values)
    assert not set(chosen) & set(reasons)
    assert [values[name] for name in chosen] == sorted(values.values(), reverse=True)


def test_its_rule_keeps_misleading_prompts_out_of_a_selection(
    letters: Letters, tmp_path: Path
) -> None:
    engine = Engine(pool_of(list(ROWS.values())), open_runtime(tmp_path))

    record: SelectionRecord = engine.value(TopScore(by=METHOD, budget=3))

    values, _ = score_rows(METHOD)
    assert any(value > 1 for value in values.values())
    assert record.selection.gains.max() <= 1
    assert (record.reason == Reason.BELOW_RULE).sum() == sum(v > 1 for v in values.values())


def test_the_published_mode_has_passes_of_its_own() -> None:
    published = IFD(model="x", mode="reference")

    assert published.requires()["alone"].rendering == CHERRY
    assert published.key != IFD(model="x").key
    assert published.requires()["alone"].reading() != IFD(model="x").requires()["alone"].reading()
