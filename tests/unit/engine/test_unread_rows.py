"""What is told of rows that a chat template does not take, and that they are read where it does."""

from pathlib import Path

import numpy as np
import pytest

from assay.components.component import Scorer
from assay.components.rendering import Rendering
from assay.engine.engine import Engine
from assay.errors import TooManyUnscoredError
from assay.features.log_probs import PromptLogProbs
from assay.methods.likelihood.ifd import IFD
from assay.methods.likelihood.perplexity import Perplexity
from assay.pool.pool import format_id
from assay.runtime import Runtime
from assay.samples import Conversation, Reason
from assay.testing import pool as pool_of
from assay.testing import value_of
from tests.causal_rows import turns
from tests.letters_model import Letters, refusing, tagged, use
from tests.taken_model import TakenModel

_CHAT = Rendering(template="chat")
_ROWS = [turns("Q1", "An answer"), turns("Q2", "Another one", "Q3", "The last")]


def _failure(scorer: Scorer, rows: list[Conversation], cache: Path) -> str:
    made = pool_of(rows)
    with pytest.raises(TooManyUnscoredError) as caught:
        Engine(made, Runtime(cache=cache)).value(scorer)
    first = format_id(int(made.ids[0]))[:8]
    return caught.value.message.replace(first, "FIRST")


@pytest.mark.parametrize("kind", [IFD, Perplexity])
def test_a_refusal_is_told_with_the_first_row_it_is_of(
    kind: type[IFD | Perplexity], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Letters(format=refusing))
    scorer = kind(model="x", rendering=_CHAT)

    assert _failure(scorer, _ROWS, tmp_path) == (
        f"{kind.name}: 2 of 2 rows failed (FORMAT_REFUSED: 2); of the first, FIRST, "
        "roles must alternate"
    )
    # It is told again when the rows are not read anew.
    assert "roles must alternate" in _failure(scorer, _ROWS, tmp_path)


def test_a_model_that_is_made_on_the_way_tells_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Letters(format=refusing))
    scorer = Perplexity(model=TakenModel(base="x"), rendering=_CHAT)

    assert _failure(scorer, _ROWS, tmp_path) == (
        "perplexity: 2 of 2 rows failed (FORMAT_REFUSED: 2); of the first, FIRST, "
        "roles must alternate"
    )


def test_what_was_not_found_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Letters(format=lambda messages, tools: tagged(messages, tools).upper()))

    assert _failure(IFD(model="x", rendering=_CHAT), _ROWS, tmp_path).endswith(
        "(ANSWER_NOT_FOUND: 2); of the first, FIRST, the chat template leaves out the words of "
        "answer 1"
    )


def test_failures_of_another_kind_have_their_table_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Letters(factor=float("nan")))

    assert _failure(IFD(model="x", rendering=_CHAT), _ROWS, tmp_path) == (
        "ifd: 2 of 2 rows failed (NON_FINITE: 2)"
    )


def test_prompts_of_such_rows_have_the_same_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Letters(format=refusing))

    value = value_of(PromptLogProbs(model="x", rendering=_CHAT), pool_of(_ROWS))

    assert value.reason.tolist() == [Reason.FORMAT_REFUSED] * 2
    assert np.isnan(value.mean()).all()
