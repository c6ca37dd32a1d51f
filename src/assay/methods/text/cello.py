"""CELLO: how well answers to complex instructions meet criteria that rules can check."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.components.component import Scorer
from assay.components.guide import Comparison, Guide
from assay.components.references import FileRef
from assay.components.totals import Totals
from assay.features.cello_marks import CELLO, CelloMarks
from assay.features.recorded_fields import CARRIED
from assay.features.rule_marks import RuleMarks
from assay.samples import Scores

_CRITERIA: Mapping[str, str] = {
    "format_score": "answer_format",
    "input_score": "input_dependent_query",
    "task_score": "task_prescribed_phrases",
    "count_limit_score": "count_limit",
}
"""Criteria as the published tables call them, and as columns here."""
_STRUCTURE = ("Structure_hard", "Structure_simple", "Structure_None")
_INSTRUCTIONS = (
    "extraction", "Planning", "meta_prompt", "brainstorming_single_round", "writing_single_round",
)  # fmt: skip
_INPUTS = (
    "keywords_extraction", "closed_qa", "Summarization", "Structure",
    "brainstorming_multi_rounds", "writing_multi_rounds",
)  # fmt: skip
_SPELLED = {name.casefold(): name for name in (*_INSTRUCTIONS, *_INPUTS, *_STRUCTURE)}


class Cello(Scorer):
    """How well an answer meets what its record demands of it, in [0, 1]; no model is asked.

    The mean of four criteria, of those that the record sets: a format that can be read and its
    keywords, phrases that the task prescribes, words of the input that are not merely copied, and
    limits of counts. A question that is answered several times counts as often.
    """

    name = "cello"
    rowwise: ClassVar[bool] = False
    paper: ClassVar[Paper | NoPaper] = CELLO
    columns: ClassVar[tuple[str, ...]] = ("cello", *_CRITERIA.values())
    guide: ClassVar[Guide | None] = Guide(
        formula="answer_format           = mean(is of the format, share of keywords)\n"
        "input_dependent_query   = share of keywords x (1 - BLEU-4 with input)\n"
        "task_prescribed_phrases = share of keywords\n"
        "count_limit             = mean of words, samples, sentences, revision\n"
        "cello                   = mean of those that a record demands\n"
        "(BLEU of characters)",
        choose="To see how well a model, or an answer of a dataset, follows instructions that say "
        "what can be checked, without a judge. Answers of one's own model: ask it CELLO's "
        "questions, write a record for each answer with the fields Instruction, Instruction_id and "
        "model_answer, and histories where a question has earlier turns, and name the file of the "
        "questions, all put into one list: `assay score answers.json cello --set "
        "criteria=questions.json`. Records that hold the four lists of criteria need no file.",
        avoid="As a measure of how good an answer is: one that holds the keywords and is wrong "
        "scores as well.",
        compared=(
            Comparison(
                against="the published scores (CELLO @ 5430aa1)",
                compared="averages by criterion and by task of three models, 525 recorded answers "
                "each",
                tolerance="every digit printed, which are three decimals",
                test="tests/parity/test_cello.py",
            ),
        ),
        differences={
            "evaluation": "Answers are read as Python literals, and never run, where the published "
            "scorer evaluates them as code.",
            "XML": "A document that declares entities is not read, so it scores 0.",
            "size": "An answer of more than a million characters, or of more than 50,000 where "
            "YAML is wanted, has no number (TOO_LONG).",
            "sentences": "English sentences are counted by their marks, without a trained "
            "splitter; the benchmark's questions are Chinese.",
            "mean": "The mean of a row, the main column, is not published; the averages that are "
            "come as totals, once the row has a task in `task_category`.",
            "missing answers": "A record whose answer is no text is set aside when it is read; "
            "the published scorer counts it as 0 where the same question has another answer.",
            "mended": "With `rules=mended`, every criterion means what it says. As published, a "
            "format that stands in a list is never met, a text in place of a list of keywords is "
            "read letter by letter, `sample-exact` and `sample-mins` are passed over, and so is a "
            "limit of samples after another kind; an exact number of words or a range of it is "
            "always met and a maximum of sentences never scored; any text is YAML; and a revision "
            "is compared with the last answer of the history, which in recorded answers is itself.",
        },
    )

    criteria: FileRef = ""
    """File of the questions, a list of records with `key_field` and criteria; empty if the rows
    have them."""
    key_field: str = "Instruction_id"
    """Field of rows and file that says which question is whose; empty for the text of the
    instruction."""
    rules: Literal["published", "mended"] = "published"
    """The published scorer's reading of the criteria, or what they say."""

    @property
    def matched_by(self) -> tuple[str, ...]:
        """What of the rows besides their text is read."""
        return CARRIED

    def requires(self) -> dict[str, Any]:
        """Return the marks."""
        marks = CelloMarks(criteria=self.criteria, key_field=self.key_field, rules=self.rules)
        return {"marks": marks}

    def score(self, *, marks: RuleMarks) -> Mapping[str, Scores]:
        """Return the mean and each criterion, in [0, 1]. Shape (n,) each."""
        return marks.columns

    def totals(self, columns: Mapping[str, Scores], *, marks: RuleMarks) -> Totals:
        """Return the published averages, by criterion and by task.

        Source: the published tables. By task, the mean of the criteria that its rows have; by
        criterion, the mean over tasks. Averages of several tasks need every one of them.
        """
        by_task = _by_task(columns, [str(fact.get("task", "")) for fact in marks.facts])
        means = {task: _mean(values.values()) for task, values in by_task.items()}
        if set(_STRUCTURE) <= set(means):
            means["Structure"] = _mean(means.pop(task) for task in _STRUCTURE)
        order = {name: place for place, name in enumerate((*_INSTRUCTIONS, *_INPUTS))}
        tasks = {task: means[task] for task in sorted(means, key=lambda t: (order.get(t, 99), t))}
        averages = _averages(tasks)
        by_criterion = {
            name: _mean(values[name] for values in by_task.values() if name in values)
            for name in _CRITERIA
            if any(name in values for values in by_task.values())
        }
        overall = {name: averages[name] for name in ("Average",) if name in averages}
        return {"by_constraints": by_criterion | overall, "by_tasks": tasks | averages}


def _by_task(columns: Mapping[str, Scores], tasks: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the mean of every criterion over the rows of every task that have it."""
    rows: dict[str, list[int]] = defaultdict(list)
    for place, task in enumerate(tasks):
        if task:
            rows[_SPELLED.get(task.casefold(), task)].append(place)
    found: dict[str, dict[str, float]] = {}
    for task in sorted(rows):
        means = {}
        for name, column in _CRITERIA.items():
            values = columns[column].values[rows[task]]
            if np.isfinite(values).any():
                means[name] = _mean(values[np.isfinite(values)].tolist())
        if means:
            found[task] = means
    return found


def _averages(tasks: Mapping[str, float]) -> dict[str, float]:
    found = {}
    groups = {"Ave_complex_ins": _INSTRUCTIONS, "Ave_complex_input": _INPUTS}
    for name, group in groups.items():
        if set(group) <= set(tasks):
            found[name] = _mean(tasks[task] for task in group)
    if len(found) == len(groups):
        found["Average"] = _mean(found.values())
    return found


def _mean(values: Iterable[float]) -> float:
    # Summed exactly, so that the order of rows changes no digit.
    known = list(values)
    return math.fsum(known) / len(known)
