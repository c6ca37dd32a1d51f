"""A judge that says of rows what a test has written down, and is probed like any other."""

import contextlib
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from assay.components.base import NoPaper, Paper
from assay.components.component import Scorer
from assay.engine.engine import Engine
from assay.features.passes import RowFeature
from assay.formats.records import Block
from assay.pool.building import build_pool
from assay.runtime import Runtime
from assay.samples import Conversation, Message, Origin, Reason, Sample, Scores
from assay.values import Matrix, RowValue
from tests.judge_servers import NAME, OLD_OLLAMA, Personality, StubJudge, serving_judge
from tests.unit.methods.planted import engine_over, names

MARK = "case-"
"""Begins the number of a case, which stands in the row that a judge is shown."""


@dataclass
class ScriptedJudge(StubJudge):
    """Replies to a row as written for its case; to everything else as its personality does.

    Attributes:
        script: by case, what it says: a text, or a whole choice of the answer; several are said in
            turn, the last again and again.
        usage: tokens that a reply is said to have taken.
        told: how often each case was asked about.
        compares: of two cases in the order in which they are shown, what it says; None for none.
        pairs: the cases that it was shown together, in that order.
    """

    script: Mapping[str, Any] = field(default_factory=dict)
    usage: Mapping[str, int] = field(
        default_factory=lambda: {"prompt_tokens": 50, "completion_tokens": 10}
    )
    told: dict[str, int] = field(default_factory=dict)
    compares: Callable[[str, str], Any] | None = None
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, route: str, question: Mapping[str, Any]) -> tuple[int, Any]:
        """Return status and JSON."""
        shown = json.dumps(question, ensure_ascii=False)
        case = next((case for case in self.script if f"{MARK}{case}." in shown), None)
        if case is None:
            return super().answer(route, question)
        self.asked.append((route, dict(question)))
        if self.compares is not None:
            first, second = re.findall(rf"{MARK}(\w+)\.", shown)[:2]
            case = f"{first}/{second}"
            self.pairs.append((first, second))
            said = self.compares(first, second)
        else:
            said = self.script[case]
        turn = self.told.get(case, 0)
        self.told[case] = turn + 1
        if isinstance(said, list):
            said = said[min(turn, len(said) - 1)]
        if isinstance(said, tuple):
            return said
        choice = said if isinstance(said, dict) else _choice(str(said))
        return 200, {"choices": [choice], "usage": dict(self.usage)}


def _choice(text: str, finish: str = "stop") -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": text}, "finish_reason": finish}


def cut(text: str) -> dict[str, Any]:
    """Return a reply that was cut at its limit."""
    return _choice(text, "length")


def refusal() -> dict[str, Any]:
    """Return a reply that a filter has taken away."""
    return {"message": {"content": None}, "finish_reason": "content_filter"}


def labelled(probabilities: Mapping[str, float]) -> dict[str, Any]:
    """Return a reply of one token with the probabilities of several."""
    top = [{"token": token, "logprob": math.log(share)} for token, share in probabilities.items()]
    first = max(probabilities, key=lambda token: probabilities[token])
    content = [{"token": first, "logprob": top[0]["logprob"], "top_logprobs": top}]
    return {**_choice(first), "logprobs": {"content": content}}


@contextlib.contextmanager
def judged(
    folder: Path,
    script: Mapping[str, Any],
    *,
    personality: Personality = OLD_OLLAMA,
    answers: Mapping[str, str] | None = None,
    more: Mapping[str, Sequence[str]] | None = None,
    places: Mapping[str, str] | None = None,
    says: Mapping[str, str] | None = None,
    **settings: Any,
) -> Iterator[tuple[Engine, str, ScriptedJudge]]:
    """Yield an engine over a row per case, the address of its judge, and the judge.

    Args:
        folder: of the test.
        script: what the judge says of each case.
        personality: how its server behaves.
        answers: by case, the row's answer; by default the same sentence for all.
        more: by case, further cases that are not rows of their own but later turns of its row.
        places: by case, the numbers of its vector: see `ScriptedVectors`.
        says: by case, what its row asks besides its mark.
        settings: of the runtime.
    """
    asked = says or {}
    given, later, told = answers or {}, more or {}, places or {}
    inner = {case for cases in later.values() for case in cases}
    samples = [
        _sample([case, *later.get(case, ())], given, asked.get(case, ""), told.get(case, ""))
        for case in script
        if case not in inner
    ]
    origins = [Origin(0, place) for place in range(len(samples))]
    pool = build_pool([Block(samples, origins)], folder)
    engine = engine_over(folder, pool, **{"max_unscored": 1.0, **settings})
    judge = ScriptedJudge(personality, script=script)
    with serving_judge(judge) as base:
        yield engine, f"{base}#{NAME}@1", judge
    engine.runtime.models.let_go()


def _sample(cases: Sequence[str], answers: Mapping[str, str], says: str, place: str) -> Sample:
    """Return a row with an exchange per case; the first names it, and ends with its place."""
    begins = f"{cases[0]}|{MARK}{cases[0]}.{says and ' '}{says}" + (place and f" @ {place}")
    turns = [
        turn
        for number, case in enumerate(cases)
        for turn in (
            Message("user", f"{MARK}{case}." if number else begins),
            Message("assistant", answers.get(case, "An answer to be judged.")),
        )
    ]
    return Sample(Conversation(tuple(turns)), "test")


class ScriptedVectors(RowFeature):
    """The numbers that stand behind the @ of a row's first question."""

    name = "scripted_vectors"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="planted for tests")
    value: ClassVar[type[RowValue]] = Matrix

    def compute(self, conversations: Sequence[Conversation], runtime: Runtime) -> RowValue:
        """Return a vector per row."""
        rows = [[float(n) for n in c.prompt.partition("@")[2].split()] for c in conversations]
        empty = np.zeros(len(rows), np.uint8)
        return Matrix(empty, empty.astype(np.uint16), np.array(rows, np.float16))


def verdicts(engine: Engine, scorer: Scorer, column: str = "") -> dict[str, float | Reason]:
    """Return the number of each case, or why it has none."""
    found: Scores = engine.value(scorer).column(column)
    pairs = zip(names(engine), found.values.tolist(), found.reason.tolist(), strict=True)
    return {name: Reason(reason) if reason else value for name, value, reason in pairs}
