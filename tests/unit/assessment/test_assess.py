"""Whole assessments: what a dataset gets depends on its own rows alone."""

from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pytest

from assay.assessment import between
from assay.assessment.assess import Options, assess
from assay.assessment.figures import figures
from assay.assessment.parts import parts_of
from assay.assessment.records import DatasetRecord
from assay.assessment.rows import Rows
from assay.engine.row_work import RowWork
from assay.features.duplicates import DuplicateGroups
from assay.reports.assessment.page import assessment_page
from assay.texts.language import detect_language
from tests.unit.assessment.datasets import chinese, dataset, english, project, row, runtime

_OPTIONS = Options(sample=20, model="")


def _own(record: DatasetRecord) -> DatasetRecord:
    """Return a record without what it is called, what it is told beside others, and pool ids."""
    examples = [replace(each, id="") for each in record.examples]
    return replace(record, name="", source="", remarks=(), examples=examples)


def test_every_figure_of_a_small_dataset_is_what_counting_gives(tmp_path: Path) -> None:
    rows = [*english(6), english(1)[0], row("Say nothing", ""), row("1 + 1", "2", "maths")]

    [record] = assess([dataset(tmp_path / "a.jsonl", rows)], _OPTIONS, runtime(tmp_path)).datasets

    assert (record.rows, record.sampled) == (9, 9)
    assert (record.exact_copies.count, record.exact_copies.of) == (1, 9)
    assert record.tasks.words == {"qa": 8, "maths": 1}
    lengths = [-(-len(each["response"].encode()) // 4) for each in rows]
    response = record.distributions["response"]
    assert response.quantiles["p50"] == np.quantile(lengths, 0.5)
    assert (response.quantiles["min"], response.quantiles["max"]) == (0, max(lengths))
    assert response.mean == pytest.approx(np.mean(lengths), rel=1e-5)
    texts = [f"{each['instruction']}\n{each['response']}".strip() for each in rows]
    assert sum(record.languages.words.values()) == len(rows)
    assert record.languages.words["en"] == sum(detect_language(text) == "en" for text in texts)
    short = sum(0 < len(each["response"].encode()) < 24 for each in rows)
    unscored = {"EMPTY_RESPONSE": 1, "TOO_SHORT": short}
    assert record.distributions["compression_ifd"].unscored == unscored
    assert [v.rows for v in record.variety] == [9]


def test_other_datasets_change_nothing_of_ones_own(tmp_path: Path) -> None:
    one = dataset(tmp_path / "one.jsonl", [*english(30), *english(3)])
    others = [dataset(tmp_path / "two.jsonl", chinese(40)),
              dataset(tmp_path / "three.jsonl", english(10))]  # fmt: skip

    alone = assess([one], _OPTIONS, runtime(tmp_path))
    beside = assess([*others, one], _OPTIONS, runtime(tmp_path / "else"))

    assert _own(alone.datasets[0]) == _own(beside.datasets[2])


def test_the_order_of_rows_changes_nothing(tmp_path: Path) -> None:
    rows = [*english(30), *english(3), *chinese(5)]
    first = dataset(tmp_path / "a.jsonl", rows)
    second = dataset(tmp_path / "b.jsonl", [*rows[::2], *rows[1::2]])
    other = dataset(tmp_path / "c.jsonl", english(12))

    here = assess([first, other], _OPTIONS, runtime(tmp_path))
    there = assess([second, other], _OPTIONS, runtime(tmp_path / "else"))

    assert _own(here.datasets[0]) == _own(there.datasets[0])
    assert [replace(pair, of="", within="") for pair in here.pairs] == [
        replace(pair, of="", within="") for pair in there.pairs
    ]


def test_parts_of_one_pool_get_what_they_get_as_datasets(tmp_path: Path) -> None:
    # The parts share texts, so that rows of one pool have other ids than rows of two.
    own = {"qa": [*english(25), *english(2)], "other": [*english(8), *chinese(9)]}
    parts = {name: [{**each, "category": name} for each in rows] for name, rows in own.items()}
    mixed = project(tmp_path / "mixed.jsonl", [*parts["qa"], *parts["other"]])
    apart = [dataset(tmp_path / f"{name}.jsonl", rows) for name, rows in parts.items()]

    by, note = parts_of(mixed, "task")
    here = assess(by, _OPTIONS, runtime(tmp_path))
    there = assess(apart, _OPTIONS, runtime(tmp_path / "else"))

    assert note == ""
    assert [each.name for each in here.datasets] == ["qa", "other"]
    assert [_own(each) for each in here.datasets] == [_own(each) for each in there.datasets]
    assert here.pairs == there.pairs
    assert here.pairs[0].exact.count == 10


def test_smaller_parts_are_left_out_aloud(tmp_path: Path) -> None:
    rows = [{**each, "category": f"t{place % 7}"} for place, each in enumerate(english(20))]

    parts, note = parts_of(project(tmp_path / "a.jsonl", rows), "task", most=5)

    assert [len(part) for part in parts] == [3, 3, 3, 3, 3]
    assert note == "2 smaller parts by task, 5 rows, are left out"


def test_the_same_dataset_twice_shares_everything(tmp_path: Path) -> None:
    first = dataset(tmp_path / "a.jsonl", english(15))
    again = replace(first, name="again")

    found = assess([first, again], _OPTIONS, runtime(tmp_path))

    for pair in found.pairs:
        assert (pair.exact.share, pair.near.share, pair.alike.share) == (1, 1, 1)
    # A row is not its own neighbour within its dataset, but is one in the other.
    assert found.datasets[0].nearest["max"] < 1
    assert found.pairs[0].nearest["min"] == 1


def test_all_duplicates(tmp_path: Path) -> None:
    [record] = assess(
        [dataset(tmp_path / "a.jsonl", english(1) * 12)], _OPTIONS, runtime(tmp_path)
    ).datasets

    assert record.exact_copies.count == record.near_copies.count == 11
    assert record.alike.share == 1
    assert record.variety[-1].vendi == pytest.approx(1, abs=1e-4)
    assert record.variety[-1].distance == 0
    assert len([each for each in record.examples if each.kind == "longest answer"]) == 1


def test_one_row_and_no_row(tmp_path: Path) -> None:
    one = dataset(tmp_path / "one.jsonl", english(1))
    none = Rows("none", "none.jsonl", None, notes=("no usable row was found",))

    found = assess([one, none], _OPTIONS, runtime(tmp_path))

    first, second = found.datasets
    assert (first.rows, first.variety, first.nearest) == (1, [], {})
    assert first.alike.share is None
    assert (second.rows, second.tokens, second.exact_copies.share) == (0, 0, None)
    assert [pair.exact.share for pair in found.pairs] == [0.0, None]


def test_a_sample_gives_an_interval_and_all_rows_none(tmp_path: Path) -> None:
    rows = dataset(tmp_path / "a.jsonl", english(40))

    [sampled] = assess([rows], Options(sample=10, model=""), runtime(tmp_path)).datasets
    [whole] = assess([rows], Options(sample=40, model=""), runtime(tmp_path)).datasets

    assert sampled.alike.of == 10
    assert sampled.alike.low is not None
    assert sampled.alike.high is not None
    assert sampled.alike.low < sampled.alike.high
    assert whole.alike.low == whole.alike.high
    assert whole.distributions == sampled.distributions


def test_a_second_run_compares_no_text_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = [
        dataset(tmp_path / "a.jsonl", english(9)),
        dataset(tmp_path / "b.jsonl", chinese(9)),
    ]
    first = assess(datasets, _OPTIONS, runtime(tmp_path))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("compared again")

    monkeypatch.setattr(between, "near_duplicate_pairs", refuse)
    monkeypatch.setattr(between, "nearest_neighbors", refuse)
    monkeypatch.setattr(DuplicateGroups, "compute", refuse)
    monkeypatch.setattr(RowWork, "fill", lambda *_: None)

    assert assess(datasets, _OPTIONS, runtime(tmp_path)) == first


def test_without_a_language_model_its_measures_are_left_out_aloud(tmp_path: Path) -> None:
    found = assess(
        [dataset(tmp_path / "a.jsonl", english(3))],
        Options(model="", no_model="IFD: there is none here"),
        runtime(tmp_path),
    )

    assert found.settings["model"] is None
    assert found.left_out == ["IFD: there is none here"]
    assert "ifd" not in found.datasets[0].distributions
    assert "compression_ifd" in found.datasets[0].distributions


def test_a_language_model_reads_the_sample_as_the_score_does(
    tmp_path: Path, gpt2_folder: Path
) -> None:
    own = project(
        tmp_path / "a.jsonl", [*english(12), row("", "An answer"), row("Say nothing", "")]
    )
    rows = dataset(
        tmp_path / "a.jsonl", [*english(12), row("", "An answer"), row("Say nothing", "")]
    )
    described = {"method": "ifd", "model": str(gpt2_folder)}
    [table] = own.score(described)
    model = own.engine.resolve(own.scorer(described)).model  # type: ignore[attr-defined]

    [record] = assess([rows], Options(sample=2000, model=model), runtime(tmp_path)).datasets

    known = table.main.values[table.main.reason == 0]
    ifd = record.distributions["ifd"]
    assert ifd.scored == len(known)
    assert ifd.quantiles["p50"] == pytest.approx(np.median(known), rel=1e-5)
    assert sum(ifd.unscored.values()) == int((table.main.reason != 0).sum()) > 0
    assert record.above_one is not None
    assert record.above_one.count == int((known > 1).sum())
    assert record.distributions["perplexity"].scored > 0
    assert "highest IFD" in {each.kind for each in record.examples}


def test_chinese_rows_are_known_for_chinese(tmp_path: Path) -> None:
    [record] = assess(
        [dataset(tmp_path / "a.jsonl", chinese(120))], _OPTIONS, runtime(tmp_path)
    ).datasets

    assert record.languages.words == {"zh": 120}
    assert "All rows are Chinese." in record.remarks
    assert record.learned is not None
    assert record.learned > 0.5


def test_perplexities_of_several_languages_stand_on_lines_of_their_own(tmp_path: Path) -> None:
    several = assess(
        [
            dataset(tmp_path / "a.jsonl", english(5)),
            dataset(tmp_path / "b.jsonl", chinese(5)),
            dataset(tmp_path / "c.jsonl", english(4, about="rivers")),
        ],
        Options(sample=20, model="assay:lm"),
        runtime(tmp_path),
    )
    lines = {line.name: line for _, group in figures(several) for line in group}

    assert "perplexity" not in lines
    assert [cell == "-" for cell in lines["perplexity, English"].cells] == [False, True, False]
    assert [cell == "-" for cell in lines["perplexity, Chinese"].cells] == [True, False, True]
    assert "not comparable between languages" in lines["perplexity, English"].meaning
    [note] = several.notes
    assert "not comparable between languages (English and Chinese)" in note
    assert note in unescape(assessment_page(several))


def test_perplexities_of_one_language_share_a_line(tmp_path: Path) -> None:
    datasets = [
        dataset(tmp_path / "a.jsonl", english(5)),
        dataset(tmp_path / "c.jsonl", english(4, about="rivers")),
    ]

    found = assess(datasets, Options(sample=20, model="assay:lm"), runtime(tmp_path))

    assert "perplexity" in [line.name for _, group in figures(found) for line in group]
    assert not found.notes
