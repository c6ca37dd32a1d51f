"""What is measured of a question: its name, its unit, and which way is better."""

from dataclasses import dataclass
from typing import Literal

from assay.wording import nats

Better = Literal["low", "high"]


@dataclass(frozen=True)
class Measure:
    """A measure of answers, with all that words and statistics need to know of it.

    Attributes:
        name: as a sentence has it: "loss", "accuracy", "win rate".
        better: whether a low or a high value is the better one.
        unit: of a value, such as "nats per token"; empty where it has none.
    """

    name: str
    better: Better
    unit: str

    @property
    def sign(self) -> float:
        """1 where low values are better, -1 where high ones are: values times it are losses."""
        return 1.0 if self.better == "low" else -1.0

    @property
    def step(self) -> str:
        """Unit of a difference: "nats" of "nats per token"; empty where there is none."""
        return self.unit.partition(" per ")[0]

    @property
    def ahead(self) -> str:
        """What a better value is called: "lower" or "higher"."""
        return "lower" if self.better == "low" else "higher"

    @property
    def behind(self) -> str:
        """What a worse value is called: "higher" or "lower"."""
        return "higher" if self.better == "low" else "lower"

    @property
    def improve(self) -> str:
        """What makes a value better does to it: "lower" or "raise"."""
        return "lower" if self.better == "low" else "raise"

    def value(self, number: float) -> str:
        """Return a value with its unit: 1.2346 nats per token."""
        return f"{nats(number)} {self.unit}".rstrip()

    def difference(self, text: str) -> str:
        """Return a difference, as it is written already, with its unit: -0.0123 nats."""
        return f"{text} {self.step}".rstrip()

    def axis(self) -> str:
        """Return what stands beside an axis: "loss, nats per token"."""
        return f"{self.name}, {self.unit}" if self.unit else self.name


LOSS = Measure("loss", "low", "nats per token")
"""Mean negative log-likelihood of an answer per scored token."""
