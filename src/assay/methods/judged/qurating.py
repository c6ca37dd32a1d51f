"""QuRating: how strong a row is in a quality, by comparisons of two that a judge makes."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from assay.components.base import NoPaper, Paper
from assay.components.component import Scorer
from assay.components.guide import Comparison, Guide
from assay.components.references import JudgeRef
from assay.features.judged_pairs import Compared, JudgedPairs
from assay.features.judging_pass import Answers
from assay.samples import FloatArray


class QuRating(Scorer):
    """Strength of a row in one quality, as log-odds, behind a judge's comparisons of two rows.

    Of two rows the judge is asked which has more of it, never how much one has. `judged_pairs` says
    which are compared and how; the column comparisons holds how many of a row's count. Rows of
    equal text share their strength. Select by `gumbel_sample` as the paper does, or by `top_score`.
    """

    name = "qurating"
    rowwise: ClassVar[bool] = False
    columns: ClassVar[tuple[str, ...]] = ("strength", "comparisons")
    unit: ClassVar[str] = "log-odds"
    paper: ClassVar[Paper | NoPaper] = JudgedPairs.paper
    guide: ClassVar[Guide | None] = Guide(
        formula="P(j above i) = (P(j | i, j) + P(j | j, i)) / 2, both orders asked\n"
        "s: minimise sum of cross-entropy(P(j above i), sigmoid(s_j - s_i))\n"
        "   + ridge / 2 |s|^2,  ridge = 1e-4",
        choose="Where a judge's numbers crowd on a few values, and where two judges' scales differ "
        "but their preferences do not. It is the dearest way to ask: by default eight requests "
        "a row.",
        avoid="With a judge that contradicts itself when the texts change places: what is printed "
        "with the selection says of how many pairs it did. And where rows differ in kind, such as "
        "code and poems: what is better then is a question of taste.",
        compared=(
            Comparison(
                against="replies written by hand, and known strengths of a judge of chance",
                compared="probability and reason of pairs; strengths of 40 rows",
                tolerance="exact; rank correlation above 0.9",
                test="tests/unit/methods/judged/test_qurating.py",
            ),
            Comparison(
                against="a general-purpose minimiser",
                compared="strengths of random comparisons",
                tolerance="1e-6 absolute",
                test="tests/unit/solvers/test_bradley_terry.py",
            ),
        ),
        differences={
            "prompt": "Our own wording of the four qualities, which was not tried against the "
            "paper's judge.",
            "rater": "The strengths are those of the rows that were compared. The paper trains a "
            "model on comparisons of some texts, and rates all others with it.",
            "replies": "One reply in each order, or the probabilities of its labels, where the "
            "paper samples twenty at temperature 1: `repeats=20` with `temperature=1` are those.",
            "pairs": "Every row is compared, in circles of chance.",
            "text": "A row whole, up to 4,000 characters, where the paper takes excerpts of "
            "documents.",
        },
    )

    judge: JudgeRef = ""
    """Model that is asked: an address such as http://host:8000/v1#model@label, a GGUF file, or
    package:NAME."""
    dimension: Literal["writing_style", "expertise", "facts", "educational_value"] = (
        "educational_value"
    )
    """Quality that is compared: style, the knowledge it takes to understand the text, facts, or
    what it is worth as material to teach with."""
    rounds: Annotated[int, Field(ge=1, le=100)] = 4
    """Circles in which the rows are compared: each is in two pairs of every one."""
    text: Literal["conversation", "response"] = "conversation"
    """What of a row is compared: all that is said in it, or its answers alone."""
    answers: Answers = "auto"
    """How the judge answers: by the probabilities of labels, by an object that its server holds to
    a schema, or in words; by default the first of these that it was found to be able to."""
    repeats: Annotated[int, Field(ge=1, le=100)] = 1
    """How often each order of a pair is asked for; the share of replies counts."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    """Temperature of the sampling; above 0 where it is asked several times."""
    seed: int = 0
    """Seed of the circles."""

    def requires(self) -> dict[str, Any]:
        """Return the comparisons."""
        return {
            "compared": JudgedPairs(
                judge=self.judge,
                dimension=self.dimension,
                rounds=self.rounds,
                text=self.text,
                answers=self.answers,
                repeats=self.repeats,
                temperature=self.temperature,
                seed=self.seed,
            )
        }

    def score(self, *, compared: Compared) -> Mapping[str, FloatArray]:
        """Return strengths and how many comparisons they rest on. Shape (n,) each."""
        return {
            "strength": compared.strength,
            "comparisons": compared.comparisons.astype(float),
        }
