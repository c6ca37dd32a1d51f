"""How strong models are that met each other in pairs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.echo import Brief
from assay.formats.judged.tables import Judged, sign_of
from assay.random_numbers import generator
from assay.samples import Reason
from assay.solvers.bradley_terry import Comparisons, bradley_terry
from assay.solvers.paired_scores import percentiles
from assay.solvers.proportions import Share

_RESAMPLES = 200
_ELO = 400 / np.log(10)
_LEVEL = 1000.0


@dataclass(frozen=True, repr=False)
class Standing(Brief):
    """A model of a round-robin.

    Attributes:
        name: of the model.
        met: comparisons with an outcome that it was in.
        strength: log-odds, with a mean of 0 over the models, and its 95 % interval over questions
            drawn anew.
        elo: the same on Elo's scale, 1000 on average.
    """

    name: str
    met: int
    strength: Share
    elo: float


def standings(rows: Sequence[Judged]) -> list[Standing]:
    """Return the strengths of all models that records name, the strongest first.

    Each order that can be read is a comparison; a tie is half a win for either. Questions are
    drawn anew with all that was said of them.

    Args:
        rows: about any pairs; those without names or an outcome do not count.

    Returns:
        Nothing where there are fewer than three models, of which two say no more than a score.

    Source:
        Bradley and Terry 1952.
    """
    met = [(row, sign_of(pair)) for row in rows for pair in row.orders if pair is not None]
    said = [(row, sign) for row, sign in met if all(row.names) and not isinstance(sign, Reason)]
    names = sorted({name for row, _ in said for name in row.names})
    if len(names) < 3:
        return []
    place = {name: at for at, name in enumerate(names)}
    first, second = (
        np.array([place[row.names[side]] for row, _ in said], np.int64) for side in (0, 1)
    )
    apart = first != second
    # The probability is the second's; signs are of the first one's lead.
    lost = (1 - np.array([float(sign) for _, sign in said])) / 2
    _, question = np.unique([row.prompt or row.key for row, _ in said], return_inverse=True)
    first, second, lost, question = (each[apart] for each in (first, second, lost, question))
    values = bradley_terry(Comparisons(first, second, lost), len(names)).values
    rng = generator(seed=0, purpose="bootstrap of strengths")
    size = int(question.max()) + 1
    found = np.empty((_RESAMPLES, len(names)))
    members = [np.flatnonzero(question == each) for each in range(size)]
    for replicate in range(_RESAMPLES):
        rows_drawn = np.concatenate([members[each] for each in rng.integers(0, size, size)])
        drawn = Comparisons(first[rows_drawn], second[rows_drawn], lost[rows_drawn])
        found[replicate] = bradley_terry(drawn, len(names)).values
    counts = np.bincount(first, minlength=len(names)) + np.bincount(second, minlength=len(names))
    order = sorted(range(len(names)), key=lambda at: (-values[at], names[at]))
    return [
        Standing(
            names[at],
            int(counts[at]),
            Share(float(values[at]), *percentiles(found[:, at])),
            float(_LEVEL + _ELO * values[at]),
        )
        for at in order
    ]
