"""FollowBench's rules: what an answer to one of its questions must satisfy, level by level.

A question of level n adds n constraints, and the rules of level n are the first n of its source,
or one rule for all of them. The rules are those of the published checker, in English and in
Chinese. Two of them do not say what their questions ask: the second of the speech on innovation
asks for keywords that only its fifth level demands, and the fifth of the Chinese headline wants a
word that its question forbids.
"""

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from assay.texts.checks.criteria import CriteriaError
from assay.texts.checks.level_rules import (
    LEVELS,
    MIXED,
    Ladder,
    Tongue,
    five_points,
    three_paragraphs,
)
from assay.texts.checks.parseable import check_length

FIELDS = ("category", "source", "level", "example_id", "target")
"""Fields of a record that its rules are found by."""

_option = re.compile(r"\([A-Z]\)").findall
_date = re.compile(r"\d{2}/\d{2}/\d{4}").findall
_dollars = re.compile(r"\$\d+").findall
# Only where a number begins: any other place of it would be looked at in vain.
_chinese_dollars = re.compile(r"(?<!\d)\d+美元").findall


class Verdict(NamedTuple):
    """What the rules say of one answer.

    Attributes:
        met: is each constraint met? One entry for all of them where one rule says so.
        group: what its question is one of: content, situation, format, example or mixed.
    """

    met: tuple[bool, ...]
    group: str

    @property
    def all_met(self) -> bool:
        """Whether every constraint is met."""
        return all(self.met)

    @property
    def share(self) -> float:
        """The share of constraints that are met, as far as rules tell them apart."""
        return sum(self.met) / len(self.met)


def check(answer: str, record: Mapping[str, Any], tongue: Tongue) -> Verdict | None:
    """Return what the rules say of an answer; None where the benchmark asks a judge instead.

    Args:
        answer: of the model, as it is: most rules compare every character.
        record: holds `FIELDS`.
        tongue: of question and answer.

    Raises:
        CriteriaError: if it has no level from 0 to 5, or no target where one is needed.
        TooLongError: if the answer is too long to be read.
    """
    level = record.get("level")
    if isinstance(level, bool) or not isinstance(level, int) or not 0 <= level <= LEVELS:
        raise CriteriaError(f"a level is a whole number from 0 to {LEVELS}, not {level!r}"[:100])
    if level == 0:
        return None
    check_length(answer)
    if record.get("category") == "example":
        return Verdict((fills_template(answer, _target(record)),), "example")
    source = str(record.get("source"))
    if source in _TARGET_RULES:
        group, rule = _TARGET_RULES[source]
        return Verdict((rule(answer, _target(record), tongue),), group)
    ladder = _ladder(record, source, tongue)
    if ladder is None:
        return None
    group, rules = ladder
    return Verdict(tuple(rule(answer) for rule in rules(tongue, level)), group)


def _target(record: Mapping[str, Any]) -> str:
    target = record.get("target")
    if not isinstance(target, str):
        raise CriteriaError("a target is a text")
    return target


def fills_template(answer: str, target: str) -> bool:
    """Return whether an answer is a template with one line of any text in its gap.

    Args:
        answer: that is looked at.
        target: template with `{answer}`; braces are doubled, and a first line `{instruction}` is
            left out.

    Raises:
        CriteriaError: if the template has more than one gap.
    """
    form = target.replace("{instruction}\n", "").replace("{{", "{").replace("}}", "}")
    before, gap, after = form.partition("{answer}")
    if not gap:
        return answer == form
    if "{answer}" in after:
        raise CriteriaError("a template has one gap")
    fits = answer.startswith(before) and answer.endswith(after)
    filled = answer[len(before) : len(answer) - len(after)]
    return fits and len(answer) >= len(before) + len(after) and "\n" not in filled


# Rules that compare with a target.


def _equal(answer: str, target: str, tongue: Tongue) -> bool:
    return answer == target


def _every_line(answer: str, target: str, tongue: Tongue) -> bool:
    return set(answer.split("\n")) <= set(target.split("\n"))


def _one_of(answer: str, target: str, tongue: Tongue) -> bool:
    try:
        accepted = ast.literal_eval(target)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise CriteriaError("a target is a list of texts") from None
    if not isinstance(accepted, (list, tuple)):
        raise CriteriaError("a target is a list of texts")
    return answer in accepted


def _last(found: Sequence[str], target: str) -> bool:
    return bool(found) and found[-1] == target


def _last_option(answer: str, target: str, tongue: Tongue) -> bool:
    return _last(_option(answer), target)


def _last_date(answer: str, target: str, tongue: Tongue) -> bool:
    return _last(_date(answer), target)


def _last_sum(answer: str, target: str, tongue: Tongue) -> bool:
    return _last((_dollars if tongue == "en" else _chinese_dollars)(answer), target)


def _within(answer: str, target: str, tongue: Tongue) -> bool:
    return target in answer


_TARGET_RULES: Mapping[str, tuple[str, Callable[[str, str, Tongue], bool]]] = {
    "E2E": ("content", _equal),
    "WIKIEVENTS": ("content", _every_line),
    "CONLL2003": ("content", _one_of),
    "text_editing": ("mixed", _equal),
    "BBH_logical": ("situation", _last_option),
    "BBH_time": ("situation", _last_date),
    "self_made_space": ("situation", _within),
    "gsm_8k": ("situation", _last_sum),
}


def _ladder(record: Mapping[str, Any], source: str, tongue: Tongue) -> tuple[str, Ladder] | None:
    """Return the group of a question and the rules of its levels; None if it has none."""
    if source in MIXED:
        return "mixed", MIXED[source]
    if record.get("category") != "format":
        return None
    if record.get("example_id") == 22:
        return "format", three_paragraphs
    if record.get("example_id") == 30 and tongue == "en":
        return "format", five_points
    return None
