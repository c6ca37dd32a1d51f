from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from assay.components.component import FileSet
from assay.features.duplicates import Contamination, DuplicateGroups
from assay.features.embeddings import Embeddings
from assay.formats.records import Block
from assay.pool.building import build_pool
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import (
    MEDIA_KINDS,
    Conversation,
    MediaKind,
    MediaRef,
    Message,
    Origin,
    Sample,
)
from assay.texts.overlap import contaminated
from assay.values import Matrix
from tests.unit.methods.planted import names, planted_engine

_LONG = "The quick brown fox jumps over the lazy dog while the cat sleeps in the warm sun today"


def _together(folder: Path, rows: list[tuple[str, str]], feature: DuplicateGroups) -> set[str]:
    """Return names of the groups of more than one row, joined."""
    engine = planted_engine(folder, rows)
    labels = engine.value(feature).labels
    known = names(engine)
    groups = (np.flatnonzero(labels == label) for label in np.unique(labels))
    return {"".join(sorted(known[place] for place in group)) for group in groups if len(group) > 1}


def _showing(kind: MediaKind, files: list[str]) -> Message:
    refs = tuple(MediaRef(file, file.encode() * 16) for file in files)
    return Message(
        "user",
        "What is there to see?",
        images=refs if kind == "image" else (),
        videos=refs if kind == "video" else (),
        audios=refs if kind == "audio" else (),
    )


def test_equal_conversations_are_a_group_of_lowest_position(tmp_path: Path) -> None:
    engine = planted_engine(tmp_path, [("a", "1"), ("a", "1"), ("b", "1"), ("a", "2")])

    groups = engine.value(DuplicateGroups())

    known = names(engine)
    for place, label in enumerate(groups.labels.tolist()):
        assert label <= place
        assert known[label] == known[place]
    assert sorted(groups.similarity.tolist(), key=str) == pytest.approx(
        [1.0, 1.0, np.nan, np.nan], nan_ok=True
    )
    assert groups.representative.sum() == 3


def test_near_duplicates_chain_into_one_group(tmp_path: Path) -> None:
    words = _LONG.split()
    ends = [" ".join([*words[: 17 - place], *["and"] * place]) for place in range(3)]
    rows = [(name, text) for name, text in zip("abc", ends, strict=True)] + [("d", "quite other")]

    assert _together(tmp_path, rows, DuplicateGroups(match="near", threshold=0.75)) == {"abc"}


def test_only_meaning_asks_for_vectors() -> None:
    assert DuplicateGroups(match="near").requires() == {}
    assert DuplicateGroups(match="near").encoder is None
    (vectors,) = DuplicateGroups(match="semantic", part="prompt").requires().values()
    assert vectors == Embeddings(part="prompt")


def test_the_encoder_is_part_of_the_key_only_where_it_is_read() -> None:
    one, other = Embeddings(model="a/b@0123456789ab"), Embeddings(model="a/b@0123456789ac")

    semantic = [DuplicateGroups(match="semantic", encoder=encoder).key for encoder in (one, other)]

    assert semantic[0] != semantic[1]
    assert DuplicateGroups().key == DuplicateGroups(match="exact").key


def test_near_and_exact_groups_are_kept_and_read_back(tmp_path: Path) -> None:
    rows = [("a", _LONG), ("b", _LONG), ("c", "other")]
    for match in ("exact", "near"):
        feature = DuplicateGroups(match=match)
        made = planted_engine(tmp_path, rows).value(feature)

        read = planted_engine(tmp_path, rows).value(feature)

        assert read.labels.tolist() == made.labels.tolist()
        assert np.array_equal(read.similarity, made.similarity, equal_nan=True)


@pytest.mark.parametrize("kind", MEDIA_KINDS)
@pytest.mark.parametrize("match", ["near", "semantic"])
def test_rows_are_copies_only_with_the_same_picture(
    tmp_path: Path, match: Literal["near", "semantic"], kind: MediaKind
) -> None:
    # Of the same words "a" and "c" show one thing, "b" another, "d" both and "e" none.
    shown = {"a": ["1"], "b": ["2"], "c": ["1"], "d": ["1", "2"], "e": []}
    samples = [
        Sample(
            Conversation((_showing(kind, files), Message("assistant", _LONG))),
            "test",
            external_id=name,
        )
        for name, files in shown.items()
    ]
    pool = build_pool([Block(samples, [Origin(0, at) for at in range(5)])], tmp_path / "pool")
    none = np.zeros(5, np.uint8)
    vectors = Matrix(none, none.astype(np.uint16), np.ones((5, 4), np.float16))
    words = {"near": None, "semantic": vectors}

    groups = DuplicateGroups(match=match).compute(PoolView(pool), Runtime(), vectors=words[match])

    together = np.flatnonzero(np.isfinite(groups.similarity))
    assert sorted(pool.column("external_id")[together]) == ["a", "c"]
    assert len(np.unique(groups.labels)) == 4
    some = np.array([at for at, name in enumerate(pool.column("external_id")) if name in "acd"])
    fewer = DuplicateGroups(match=match).compute(
        PoolView(pool, some), Runtime(), vectors=words[match]
    )
    assert len(np.unique(fewer.labels)) == 2


@pytest.mark.parametrize("match", ["exact", "near"])
def test_rows_are_copies_only_with_the_same_boxes(
    tmp_path: Path, match: Literal["exact", "near"]
) -> None:
    picture = (MediaRef("1", bytes(16)),)
    samples = [
        Sample(Conversation((Message("user", "Q", images=picture, boxes=boxes),
                             Message("assistant", _LONG))))
        for boxes in ("[1]", "[2]", "[1]", "")
    ]  # fmt: skip
    pool = build_pool([Block(samples, [Origin(0, at) for at in range(4)])], tmp_path / "pool")

    groups = DuplicateGroups(match=match).compute(PoolView(pool), Runtime())

    assert sorted(pool.column("row")[np.flatnonzero(groups.similarity == 1)]) == [0, 2]


def test_a_contamination_report_survives_its_storage() -> None:
    feature = Contamination(against=FileSet(source="q.jsonl"))
    report = contaminated([_LONG, "else"], [_LONG])

    back = feature.unpack(feature.pack(report))

    assert back.contaminated.tolist() == [True, False]
    assert back.evaluation_index.tolist() == [0, -1]
    assert back.share.tolist() == [1.0, 0.0]


def test_of_equal_shares_the_lowest_question_is_named_in_prompt_and_answer(tmp_path: Path) -> None:
    # The prompt is one question as a whole, the answer holds every run of the other.
    short = "Who wrote Hamlet?"
    for number in range(6):
        long = f"{_LONG} {number}"
        rows = planted_engine(tmp_path / f"rows{number}", [(short, long)])
        questions = planted_engine(tmp_path / f"questions{number}", [(short, "x"), (long, "x")])

        report = Contamination(against=FileSet(source="q.jsonl")).compute(
            PoolView(rows.pool), rows.runtime, against=PoolView(questions.pool)
        )

        assert (report.evaluation_index.tolist(), report.share.tolist()) == ([0], [1.0])
