from pathlib import Path

import numpy as np
import pytest

from assay.errors import EmptyPoolError
from assay.formats.records import Block
from assay.pool.building import build_pool
from assay.samples import Conversation, MediaRef, Message, Origin, Sample, Tool, ToolCall
from tests.rows import conversation


def test_everything_a_sample_holds_comes_back(tmp_path: Path) -> None:
    image = MediaRef("cat.png", bytes(range(16)))
    full = Conversation(
        (
            Message("system", "Be kind."),
            Message("user", "What is this?", images=(image,)),
            Message("assistant", "", reasoning="hm", tool_calls=(ToolCall("f", '{"a": 1}', "7"),)),
            Message("tool", "42"),
            Message("assistant", "A cat — 猫 🐈"),
        ),
        (Tool("f", "finds", '{"type": "object"}'),),
    )
    sample = Sample(full, "s", "train", "vision", "en", "row-1", {"score": 4.5, "tags": ["a"]})
    pool = build_pool([Block([sample], [Origin(2, 5, 1, 10, 20)])], tmp_path)

    assert next(pool.samples(np.array([0]))) == sample
    assert pool.origins(np.array([0])) == [Origin(2, 5, 1, 10, 20)]


def test_provenance_changes_the_context_but_not_the_digest(tmp_path: Path) -> None:
    one = Sample(conversation("q", "a"), task="x")
    other = Sample(conversation("q", "a"), task="y")
    first = build_pool([Block([one], [Origin(0, 0)])], tmp_path / "a")
    second = build_pool([Block([other], [Origin(0, 0)])], tmp_path / "b")

    assert first.digest == second.digest
    assert first.context != second.context


def test_no_rows_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EmptyPoolError):
        build_pool([], tmp_path)
