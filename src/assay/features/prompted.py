"""What features have in common that put each turn of a row to a judge by a prompt of their own."""

from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from assay.components.references import PromptRef
from assay.features.judging_pass import Answers, JudgedFeature
from assay.judging.capabilities import Capabilities
from assay.judging.prompt_files import load_prompt
from assay.judging.questioning import Questions
from assay.judging.replies import Reply
from assay.judging.row_questions import Found, RowQuestions, Turns, mode_for
from assay.judging.verdicts import Verdict
from assay.samples import Conversation


class Prompted(JudgedFeature):
    """Base: a reply is read by the form of its prompt, and then looked at by `refined`."""

    temperature: ClassVar[float] = 0.0

    prompt: PromptRef = ""
    """What is asked: the name of a prompt, or the path of a .toml file of your own."""
    answers: Answers = "auto"
    """How the judge answers: by an object that its server holds to a schema, or in words; by
    default the first of these that it was found to be able to."""
    turns: Turns = "each"
    """Whether every question of a conversation is looked at, or the last alone."""
    max_characters: Annotated[int, Field(ge=200)] = 24_000
    """Longest text that a judge is shown; of a longer one the middle is left out, and it is
    flagged."""

    def asker(self, capabilities: Capabilities) -> Callable[[Conversation], Questions[Found]]:
        """Return how rows are put to a judge."""
        prompt = load_prompt(self.prompt)
        return RowQuestions(
            prompt,
            "",
            mode_for(prompt, capabilities, self.answers),
            capabilities,
            self.turns,
            longest=self.max_characters,
            refine=self.refined,
        ).of

    def refined(self, found: Verdict, reply: Reply, slots: Sequence[str]) -> Verdict:
        """Return what counts of a reply.

        Args:
            found: what the form of the prompt makes of it.
            reply: it.
            slots: the data that the judge was shown.
        """
        return found
