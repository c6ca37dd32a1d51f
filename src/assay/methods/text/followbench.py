"""FollowBench: which constraints an answer satisfies, for questions that rules can check."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.components.component import Scorer
from assay.components.guide import Comparison, Guide
from assay.components.references import FileRef
from assay.components.totals import Totals
from assay.features.follow_marks import FOLLOWBENCH, FollowMarks
from assay.features.recorded_fields import CARRIED
from assay.features.rule_marks import RuleMarks
from assay.samples import Scores
from assay.texts.checks.level_rules import LEVELS

_LEVELS = range(1, LEVELS + 1)


class FollowBench(Scorer):
    """Does an answer satisfy every constraint of its question, by rules? 1 if so, 0 if not.

    Of the questions whose answers the benchmark lets a model judge no row has a number (NO_RULE).
    The column `share` has the share of constraints that are met.
    """

    name = "followbench"
    rowwise: ClassVar[bool] = False
    paper: ClassVar[Paper | NoPaper] = FOLLOWBENCH
    columns: ClassVar[tuple[str, ...]] = ("satisfied", "share")
    guide: ClassVar[Guide | None] = Guide(
        formula="satisfied = 1 if all constraints of the level are met, else 0\n"
        "share     = constraints that are met / constraints of the level\n"
        "HSR_n     = mean of satisfied over the answers of level n\n"
        "SSR_n     = mean of share over the answers of level n\n"
        "CSL       = mean over questions of how many levels in a row, from 1 on,\n"
        "            are satisfied",
        choose="To see how many constraints at once a model keeps to, without a judge. Answers of "
        "one's own model: ask it the instructions of levels 1 to 5, write records with the fields "
        "instruction and output, and name the file of the questions, several put into one list:"
        " `assay score answers.jsonl followbench --set criteria=questions.json`. They are matched "
        "by the text of the instruction, or by a field that `key_field` names.",
        avoid="As the whole benchmark: what it lets a model judge is left out, which is most of "
        "content and situation, all of style and nearly all of format.",
        compared=(
            Comparison(
                against="answers written by hand, and what the published rules say of them",
                compared="every source that has rules, every level, English and Chinese",
                tolerance="exact",
                test="tests/unit/texts/checks/test_followbench.py",
            ),
        ),
        differences={
            "share": "Where each constraint has a rule of its own, the share counts them; the "
            "published code takes 1 or 0 for all: set `share=whole` for that.",
            "failures": "A row that cannot be read has no number; the published code adds -1.",
            "levels": "A question counts for CSL if all five levels were answered; a level that "
            "was answered several times is satisfied if every answer is.",
            "rules": "Rules are as published where they do not say what the question asks: the "
            "speech on innovation is asked for keywords at level 5 and checked for them from level "
            "2 on; the Chinese headline is to hold a word that its question forbids; and numbered "
            "paragraphs in English never pass, as the stop of a number ends a sentence of one word "
            "where each is to have more than twenty.",
        },
    )

    criteria: FileRef = ""
    """File of the questions, a list of records with category, source, level, example_id and
    target; empty if the rows have them."""
    key_field: str = ""
    """Field of rows and file that says which question is whose; empty for the text of the
    instruction."""
    language: Literal["auto", "en", "zh"] = "auto"
    """Language of questions and answers; `auto` takes an instruction with Han characters for
    Chinese."""
    share: Literal["each", "whole"] = "each"
    """What a share is of: each constraint that has a rule, or all of them as one."""

    @property
    def matched_by(self) -> tuple[str, ...]:
        """What of the rows besides their text is read."""
        return CARRIED

    def requires(self) -> dict[str, Any]:
        """Return the marks."""
        return {
            "marks": FollowMarks(
                criteria=self.criteria, key_field=self.key_field, language=self.language
            )
        }

    def score(self, *, marks: RuleMarks) -> Mapping[str, Scores]:
        """Return whether all is satisfied, 1 or 0, and the share, in [0, 1]. Shape (n,) each."""
        if self.share == "each":
            return marks.columns
        return {"satisfied": marks.columns["satisfied"], "share": marks.columns["satisfied"]}

    def totals(self, columns: Mapping[str, Scores], *, marks: RuleMarks) -> Totals:
        """Return the rates of every level and the mean of consistent levels, group by group."""
        rows: dict[str, list[int]] = defaultdict(list)
        for place, fact in enumerate(marks.facts):
            if fact:
                rows[fact["group"]].append(place)
        return {
            group: _rates(columns, marks.facts, places) | _consistent(columns, marks.facts, places)
            for group, places in sorted(rows.items())
        }


def _rates(
    columns: Mapping[str, Scores], facts: Sequence[Mapping[str, Any]], rows: Sequence[int]
) -> dict[str, float]:
    found = {}
    for name, column in (("HSR", "satisfied"), ("SSR", "share")):
        for level in _LEVELS:
            at = [place for place in rows if facts[place]["level"] == level]
            if at:
                found[f"{name}_{level}"] = math.fsum(columns[column].values[at]) / len(at)
    return found


def _consistent(
    columns: Mapping[str, Scores], facts: Sequence[Mapping[str, Any]], rows: Sequence[int]
) -> dict[str, float]:
    """Return how many levels in a row are satisfied, over questions with answers at all of them."""
    satisfied: dict[Any, dict[int, bool]] = defaultdict(dict)
    for place in rows:
        levels = satisfied[facts[place]["question"]]
        level = facts[place]["level"]
        levels[level] = levels.get(level, True) and columns["satisfied"].values[place] == 1
    lengths = [_run(levels) for levels in satisfied.values() if len(levels) == LEVELS]
    return {"CSL": float(np.mean(lengths))} if lengths else {}


def _run(levels: Mapping[int, bool]) -> int:
    return next((level - 1 for level in _LEVELS if not levels[level]), LEVELS)
