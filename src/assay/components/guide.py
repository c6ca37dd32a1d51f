"""What a method tells people about itself: formula, when to choose it, what it was checked against.

Nothing here is a parameter, so nothing of it is part of a key: a page may be written anew, and
results stay valid.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Absent(_Said):
    """States that there is nothing to say under a heading, and why."""

    reason: str


NO_REFERENCE = Absent(reason="there is no paper and no other code to differ from")
"""What a method of common knowledge says of its differences."""


class Comparison(_Said):
    """What a method's numbers or picks were compared with, and how near they came."""

    against: str
    """The other implementation: a library and its version, a published code, brute force."""
    compared: str
    """What was compared, on what."""
    tolerance: str
    """Largest difference that the test allows; "exact" for picks in the same order."""
    test: str
    """File of the test, as seen from the repository's root."""


class Example(_Said):
    """Three rows and what a method makes of them; the numbers are computed where they are shown."""

    rows: tuple[tuple[str, str], ...]
    """What was asked and what was answered, for rows that are shown as A, B and C."""
    parameters: Mapping[str, Any] = Field(default_factory=dict)
    """Parameters of the method, such as a budget, as a configuration writes them."""
    shows: Mapping[str, str] = Field(default_factory=dict)
    """Columns on the way to the result: a heading, and what of a requirement stands below it."""
    reading: str
    """How the result follows, without numbers, which are in the table."""


class Guide(_Said):
    """A page that teaches a method: what it computes, when to choose it, and how far to trust it.

    Text may hold names in back ticks; pages show them as code.
    """

    formula: str | Absent
    """What is computed, as plain text of lines below 77 characters."""
    choose: str
    """When it is the right method."""
    avoid: str
    """When another one is better."""
    compared: tuple[Comparison, ...] | Absent
    """What it was compared with."""
    differences: Mapping[str, str] | Absent
    """Where it departs from the paper or the published code: in what, and how."""
    example: Example | None = None
    """Three rows worked out."""
