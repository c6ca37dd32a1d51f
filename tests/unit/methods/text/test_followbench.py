import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.formats.records import SourceSpec
from assay.methods.text.followbench import FollowBench
from assay.project import Project
from assay.samples import Reason

_HEADLINE = "two people killed in attack in southern philippines"
_BUS = "two people killed in bus attack in philippines"


def _question(level: int, text: str, source: str = "gigaword", example: int = 14) -> dict[str, Any]:
    return {
        "example_id": example, "category": "format, format", "source": source, "level": level,
        "instruction": text, "target": "(A)",
    }  # fmt: skip


_QUESTIONS = [
    *(_question(level, f"Summarize in 8 words, level {level}") for level in range(6)),
    *(_question(level, f"写一个8字摘要{level}") for level in range(1, 6)),
    *(_question(level, f"Which bird {level}?", "BBH_logical", 1) for level in range(1, 6)),
    _question(2, "Say it like a sage", "quora", 1),
]


def _write(path: Path, records: Sequence[Mapping[str, Any]]) -> str:
    path.write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    return str(path)


def _project(folder: Path, answers: Sequence[tuple[str, str]]) -> Project:
    records = [{"instruction": asked, "output": answer} for asked, answer in answers]
    return Project(folder / "project", data=[SourceSpec(_write(folder / "answers.json", records))])


@pytest.fixture
def criteria(tmp_path: Path) -> str:
    return _write(tmp_path / "questions.json", _QUESTIONS)


def _summaries(*answers: str) -> list[tuple[str, str]]:
    levels = range(1, len(answers) + 1)
    return [
        (f"Summarize  in 8 words, level {level}", answer)
        for level, answer in zip(levels, answers, strict=True)
    ]


def test_answers_are_matched_by_the_text_of_their_instruction(
    tmp_path: Path, criteria: str
) -> None:
    answers = [*_summaries(_HEADLINE, _BUS), ("Say it like a sage", "Hm."), ("Unknown", "x")]
    project = _project(tmp_path, answers)

    (table,) = project.score(FollowBench(criteria=criteria))
    found = {
        sample.conversation.response: (
            table.columns["satisfied"].values[place],
            table.columns["share"].values[place],
            Reason(table.main.reason[place]),
        )
        for place, sample in enumerate(project.pool.samples(np.arange(len(project.pool))))
    }

    assert found[_HEADLINE] == (1.0, 1.0, Reason.OK)
    assert found[_BUS] == (1.0, 1.0, Reason.OK)
    assert found["Hm."][2] == Reason.NO_RULE
    assert found["x"][2] == Reason.NOT_IMPORTED


def test_rates_by_level_and_consistent_levels_are_those_worked_out(
    tmp_path: Path, criteria: str
) -> None:
    # The bus is forbidden from level 4 on, and a capital from level 3 on.
    answers = [
        *_summaries(_HEADLINE, _HEADLINE, _HEADLINE.title(), _HEADLINE, _BUS),
        *((f"Which bird {level}?", "(A)" if level < 3 else "(B)") for level in range(1, 6)),
    ]

    totals = _project(tmp_path, answers).totals(FollowBench(criteria=criteria))

    assert list(totals) == ["mixed", "situation"]
    assert [totals["mixed"][f"HSR_{level}"] for level in range(1, 6)] == [1, 1, 0, 1, 0]
    assert [totals["mixed"][f"SSR_{level}"] for level in range(1, 6)] == pytest.approx(
        [1, 1, 2 / 3, 1, 0.8]
    )
    assert totals["mixed"]["CSL"] == 2
    assert [totals["situation"][f"HSR_{level}"] for level in range(1, 6)] == [1, 1, 0, 0, 0]
    assert totals["situation"]["CSL"] == 2


def test_a_whole_share_is_one_or_nothing(tmp_path: Path, criteria: str) -> None:
    project = _project(tmp_path, _summaries(_HEADLINE, _HEADLINE, _HEADLINE.title()))

    totals = project.totals(FollowBench(criteria=criteria, share="whole"))

    assert [totals["mixed"][f"SSR_{level}"] for level in range(1, 4)] == [1, 1, 0]
    assert "CSL" not in totals["mixed"]
    assert "HSR_4" not in totals["mixed"]


def test_questions_of_two_languages_are_questions_of_their_own(
    tmp_path: Path, criteria: str
) -> None:
    answers = _summaries(*[_HEADLINE] * 5)
    chinese = [(f"写一个8字摘要{level}", "菲律宾在袭击中死") for level in range(1, 6)]
    chinese[1] = ("写一个8字摘要2", "太短")

    project = _project(tmp_path, [*answers, *chinese])

    assert project.totals(FollowBench(criteria=criteria))["mixed"]["CSL"] == (5 + 1) / 2
    english = FollowBench(criteria=criteria, language="en")
    assert project.totals(english)["mixed"]["HSR_1"] == 0.5


def test_a_level_that_is_answered_twice_is_satisfied_if_both_answers_are(
    tmp_path: Path, criteria: str
) -> None:
    others = [_HEADLINE.replace("killed", word) for word in ("hurt", "lost", "shot", "dead")]
    again = [("Summarize in 8 words, level 2", said) for said in (*others, "one word", "a b")]

    project = _project(tmp_path, [*_summaries(*[_HEADLINE] * 5), *again])
    totals = project.totals(FollowBench(criteria=criteria))["mixed"]

    assert totals["HSR_2"] == 5 / 7
    assert totals["CSL"] == 1


def test_held_out_rows_count_for_nothing(tmp_path: Path, criteria: str) -> None:
    records = [
        {"instruction": asked, "output": answer}
        for asked, answer in [("Which bird 1?", f"{number} (A)") for number in range(40)]
    ]
    source = SourceSpec(_write(tmp_path / "answers.json", records))
    project = Project(tmp_path / "held", data=[source], hold_out=0.3)

    (table,) = project.score(FollowBench(criteria=criteria))
    totals = project.totals(FollowBench(criteria=criteria))

    assert (table.main.reason == Reason.HELD_OUT).any()
    assert totals["situation"]["HSR_1"] == 1
