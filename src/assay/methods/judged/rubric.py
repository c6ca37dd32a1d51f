"""Rubric: what a judge says by a prompt of one's own, a column per dimension."""

from collections.abc import Mapping
from typing import Any, ClassVar

from assay.components.base import NoPaper, Paper
from assay.components.guide import NO_REFERENCE, Comparison, Guide
from assay.components.references import PromptRef, short_name
from assay.errors import ConfigError, did_you_mean
from assay.features.judgments import Judged, Judgments, Reduction
from assay.methods.judged.asked import Asked
from assay.samples import FloatArray


class Rubric(Asked):
    """Numbers of a judge by a prompt: one, or a column for each of its dimensions.

    The prompt is a file that can be copied and changed: what is shown of a row, the scale, the
    dimensions and what the judge is told. Its wording is part of what the score is.
    """

    name = "rubric"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="common practice")
    guide: ClassVar[Guide | None] = Guide(
        formula="column = judge(row by the prompt, dimension)",
        choose="For criteria of your own, and for the prompts of other methods: `prompt=lift` for "
        "`lift_quality`, `prompt=ds2` with `main=overall` for `ds2`.",
        avoid="Without looking at what the judge replies, and at what is chosen.",
        compared=(
            Comparison(
                against="replies written by hand",
                compared="columns and reasons of each",
                tolerance="exact",
                test="tests/unit/methods/judged/test_rubric.py",
            ),
        ),
        differences=NO_REFERENCE,
    )

    prompt: PromptRef = "rubric"
    """What is asked: the name of a prompt, or the path of a .toml file of your own."""
    dimension: str = ""
    """What is judged, where the prompt has dimensions; by default its first, or all together where
    it asks for all at once."""
    main: str = ""
    """Which of several numbers of a prompt counts where one is wanted, as for a selection or `ds2`;
    by default its first. What is asked stays the same."""
    over_turns: Reduction = "mean"
    """How the numbers of several turns become one."""

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]  # the prompt says which
        """Return what the prompt asks for, the main one first.

        Raises:
            ConfigError: if it asks for nothing of the name in `main`, or the prompt is none.
        """
        names = self._judgments.names
        if self.main and self.main not in names:
            raise ConfigError(
                f"the prompt {short_name(self.prompt)} gives no number {self.main!r}",
                hint=did_you_mean(self.main, names) or f"it gives {', '.join(names)}",
            )
        return tuple(sorted(names, key=lambda name: name != self.main))

    @property
    def _judgments(self) -> Judgments:
        return self.judgments(self.prompt, self.dimension)

    def requires(self) -> dict[str, Any]:
        """Return what the judge says."""
        return {"judged": self._judgments}

    def score(self, *, judged: Judged) -> Mapping[str, FloatArray]:
        """Return a number per column. Shape (n,) each, on the prompt's scale."""
        return {name: judged.reduced(name, self.over_turns) for name in self.columns}
