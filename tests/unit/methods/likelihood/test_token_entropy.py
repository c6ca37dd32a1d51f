from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.components.rendering import Rendering
from assay.engine.engine import Engine
from assay.methods.likelihood.token_entropy import TokenEntropy, TokenRank
from assay.samples import Reason
from assay.testing import pool as pool_of
from tests.causal_rows import open_runtime
from tests.letters_model import BOS, Letters, log_prob, use
from tests.likelihoods import ROWS, chosen_rows, score_rows
from tests.unit.methods.planted import numbers

PLAIN = Rendering(template="plain", max_tokens=256)


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> Letters:
    model = Letters()
    use(monkeypatch, model)
    return model


@pytest.mark.parametrize(("kind", "column"), [(TokenEntropy, "entropy"), (TokenRank, "rank")])
def test_it_is_a_column_of_the_statistics(kind: Any, column: str) -> None:
    statistics = numbers(**{column: [1.5, 2.0]}, accuracy=[0.1, 0.2])

    assert kind(model="x").score(statistics=statistics).tolist() == [1.5, 2.0]
    assert kind(model="x").prefer == "high"


@pytest.mark.parametrize(
    ("kind", "prompt", "given"),
    [
        (TokenEntropy, "Answer with a number.\n", "prompt"),
        (TokenEntropy, "", "nothing"),
        (TokenRank, "Answer with a number.\n", "prompt"),
        (TokenRank, "", "nothing"),
    ],
)
def test_one_row_by_hand(letters: Letters, kind: Any, prompt: str, given: str) -> None:
    values, _ = score_rows(kind(model="x", rendering=PLAIN, given=given))

    # `Letters` answers -p for an entropy and 1 - 8 p for a rank.
    ids = [BOS, *map(ord, prompt + "1")]
    number = log_prob(ids, len(ids) - 1)
    expected = -number if kind is TokenEntropy else 1 - 8 * number
    assert values["one token"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", [TokenEntropy, TokenRank])
def test_rows_without_an_answer_have_a_reason_and_are_in_no_selection(
    letters: Letters, tmp_path: Path, kind: Any
) -> None:
    engine = Engine(pool_of(list(ROWS.values())), open_runtime(tmp_path))

    values, reasons = score_rows(kind(model="x", rendering=PLAIN))
    chosen = chosen_rows(kind(model="x", rendering=PLAIN), engine)

    assert reasons == {
        "empty response": Reason.EMPTY_RESPONSE,
        "blank response": Reason.EMPTY_RESPONSE,
    }
    assert np.isfinite(list(values.values())).all()
    assert sorted(chosen) == sorted(values)
    assert [values[name] for name in chosen] == sorted(values.values(), reverse=True)
