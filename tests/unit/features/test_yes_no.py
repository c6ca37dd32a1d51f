"""Yes or no to questions about rows, against transformers a row at a time."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.errors import ConfigError
from assay.features.yes_no import YesNo
from assay.rendering.prompt_files import known_wordings
from assay.rendering.questions import load_question
from assay.samples import Conversation, Flag, Reason
from assay.values import Numbers
from tests.causal_rows import (
    EDGE_ROWS,
    TALKS,
    exchange,
    open_runtime,
    ordinary_rows,
    set_budget,
    value_in_order,
)
from tests.rows import conversation
from tests.tiny_models import tiny_t5, transformers

torch = pytest.importorskip("torch")

_ROWS = [*(exchange(row) for row in [*EDGE_ROWS.values(), *ordinary_rows(12)]), *TALKS]
_WORDS = ("1", "2")  # single tokens of the tiny tokenizer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_t5(tmp_path_factory.mktemp("t5"))


def _value(
    folder: Path, cache: Path, rows: Sequence[Conversation], *, tokens: int = 1024, **asked: Any
) -> Numbers:
    """Return the value of some rows, in their order."""
    runtime = open_runtime(cache)
    set_budget(runtime, folder, tokens)
    feature = YesNo(model=str(folder), **{"words": _WORDS} | asked)
    found: Numbers = value_in_order(feature, rows, runtime=runtime)
    return found


class _Plain:
    """The published way: the whole question through the tokenizer, the first token of each word."""

    def __init__(self, folder: Path) -> None:
        opened = transformers().AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32)
        self.model = opened.eval()
        self.tokenizer = transformers().AutoTokenizer.from_pretrained(folder)

    def yes(self, text: str) -> tuple[float, float]:
        given = self.tokenizer(text, return_tensors="pt")
        yes, no = (self.tokenizer(word)["input_ids"][0] for word in _WORDS)
        start = torch.tensor([[self.model.config.decoder_start_token_id]])
        with torch.no_grad():
            logits = self.model(input_ids=given["input_ids"], decoder_input_ids=start).logits[0, 0]
        shares = torch.softmax(logits.double(), -1)
        both = float(shares[yes] + shares[no])
        return float(shares[yes]) / both, both


@pytest.mark.parametrize("name", [n for n in known_wordings("question") if "unieval" in n])
def test_shares_of_yes_are_those_of_the_published_way(
    folder: Path, tmp_path: Path, name: str
) -> None:
    plain = _Plain(folder)
    question = load_question(name)

    found = _value(folder, tmp_path, _ROWS, question=name, max_tokens=2048)

    assert list(found.columns) == ["yes", "coverage"]
    for place, row in enumerate(_ROWS):
        if not row.response.strip():
            assert found.reason[place] == Reason.EMPTY_RESPONSE
            assert np.isnan(found["yes"][place])
            continue
        text = "".join(piece.text for piece in question.pieces(question.texts(row)))
        share, both = plain.yes(text)
        assert found["yes"][place] == pytest.approx(share, abs=1e-5)
        assert found["coverage"][place] == pytest.approx(both, rel=1e-4)


def test_numbers_do_not_depend_on_what_is_beside_them_in_a_batch(
    folder: Path, tmp_path: Path
) -> None:
    wide = _value(folder, tmp_path / "wide", _ROWS, tokens=8192)
    narrow = _value(folder, tmp_path / "narrow", _ROWS[::-1], tokens=1)

    assert wide.reason.tolist() == narrow.reason.tolist()[::-1]
    for name in wide.columns:
        assert wide[name] == pytest.approx(narrow[name][::-1], abs=1e-5, nan_ok=True)


def test_a_long_row_loses_the_end_of_its_longest_text_and_is_flagged(
    folder: Path, tmp_path: Path
) -> None:
    rows = [
        conversation("Q", "word " * 90),
        conversation("many " * 90, "A"),
        conversation("Q", "A"),
    ]

    found = _value(folder, tmp_path, rows, question="unieval_coherence", max_tokens=96)
    tight = _value(folder, tmp_path, rows, question="unieval_coherence", max_tokens=8)

    assert found.reason.tolist() == [0, 0, 0]
    assert found.flags.tolist() == [Flag.RESPONSE_TRUNCATED, Flag.PROMPT_TRUNCATED, 0]
    assert set(tight.reason.tolist()) == {int(Reason.TOO_LONG)}


def test_words_that_look_like_special_tokens_are_words(folder: Path, tmp_path: Path) -> None:
    rows = [conversation("Q", "a </s> dialogue history: b")]
    question = load_question("unieval_naturalness")
    text = "".join(piece.text for piece in question.pieces(question.texts(rows[0])))

    found = _value(folder, tmp_path, rows)

    assert abs(found["yes"][0] - _Plain(folder).yes(text)[0]) > 1e-4


def test_words_that_begin_alike_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'1' and '1' begin with the same token"):
        _value(folder, tmp_path, [conversation("Q", "A")], words=("1", "1"))


def test_a_question_of_ones_own_counts_by_its_content(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    file.write_text(json.dumps({"text": "Is it good? {response}"}))
    text = "Is it good? A"

    found = _value(folder, tmp_path, [conversation("Q", "A")], question=str(file))

    assert found["yes"] == pytest.approx([_Plain(folder).yes(text)[0]], abs=1e-5)
