"""What scores have in common that ask a judge."""

from typing import Annotated

from pydantic import Field

from assay.components.component import Scorer
from assay.components.references import JudgeRef
from assay.features.judging_pass import Answers
from assay.features.judgments import Judgments
from assay.judging.row_questions import Turns


class Asked(Scorer):
    """Base: numbers of a judge."""

    judge: JudgeRef = ""
    """Model that is asked: an address such as http://host:8000/v1#model@label, a GGUF file, or
    package:NAME."""
    answers: Answers = "auto"
    """How the judge answers: by the probabilities of labels, by an object that its server holds to
    a schema, or in words; by default the first of these that it was found to be able to."""
    turns: Turns = "each"
    """Whether every answer of a conversation is judged with its own question, or the last alone."""
    repeats: Annotated[int, Field(ge=1, le=100)] = 1
    """How often each is asked; the mean counts."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    """Temperature of the sampling; above 0 where it is asked several times."""

    def judgments(self, prompt: str, dimension: str = "") -> Judgments:
        """Return what the judge is asked for by a prompt."""
        return Judgments(
            judge=self.judge,
            prompt=prompt,
            dimension=dimension,
            answers=self.answers,
            turns=self.turns,
            repeats=self.repeats,
            temperature=self.temperature,
        )
