"""A judge whose leanings are planted: to an answer, to a place, to length, and to say nothing."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from assay.evaluation.outcomes import DEFAULT, Games, Rule, outcomes
from assay.evaluation.winning import Pairs

_LARGE = 400_000


@dataclass(frozen=True)
class Setting:
    """What is planted.

    Attributes:
        questions: of one comparison.
        strength: mean lead of the candidate, in points of ten.
        place: points that the first place gets.
        length: points that an answer gets for each 100 characters that it is longer.
        failures: share of the replies that say nothing.
        longer: by how many characters the candidate's answers are longer on average.
    """

    questions: int = 200
    strength: float = 0.0
    place: float = 0.0
    length: float = 0.0
    failures: float = 0.0
    longer: float = 0.0


SETTINGS = {
    "parity": Setting(),
    "strong": Setting(questions=80, strength=1.5),
    "nearly all": Setting(questions=80, strength=3.5),
    "place": Setting(strength=0.3, place=1.5),
    "length": Setting(strength=0.2, length=0.5, longer=150),
    "failures": Setting(questions=120, strength=0.5, failures=0.2),
    "all of it": Setting(questions=252, strength=0.5, place=-0.8, length=0.3, failures=0.1,
                         longer=100),
}  # fmt: skip


def simulated(setting: Setting, seed: int, *, questions: int | None = None) -> Pairs:
    """Return what the judge says of one draw of questions and answers."""
    rng = np.random.default_rng([seed, 7])
    count = questions or setting.questions
    lengths = np.maximum(rng.normal((500 + setting.longer, 500), 150, (count, 2)), 10).round()
    lead = setting.strength + setting.length * (lengths[:, 0] - lengths[:, 1]) / 100
    lead = (lead + rng.normal(0, 1.2, count))[:, None] + rng.normal(0, 0.6, (count, 2))
    lead = np.round(lead + setting.place * np.array([1, -1]))
    failed = rng.random((count, 2)) < setting.failures
    own = np.where(failed, np.nan, np.clip(7 + lead / 2, 0, 10))
    other = np.where(failed, np.nan, np.clip(7 - lead / 2, 0, 10))
    games = Games(
        own, other, np.ones((count, 2), np.bool_), np.full(count, np.nan),
        np.zeros(count, np.bool_), scored=True,
    )  # fmt: skip
    return Pairs(games, np.arange(count), np.zeros(count, np.int64), lengths)


@lru_cache
def planted_score(setting: Setting, rule: Rule = DEFAULT) -> float:
    """Return the score that so many questions give that chance has no part in it."""
    found = outcomes(simulated(setting, 10**6, questions=_LARGE).games, rule).values
    return float(1 + np.nanmean(found))
