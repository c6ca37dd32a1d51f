"""The probability of each label that a judge may answer with, from what a server returned.

A judge that says 4 may have been as likely to say 5. The distribution over labels tells them apart,
has next to no ties, and costs one token of reply.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assay.judging.scales import Parsed
from assay.samples import Reason
from assay.solvers.label_shares import WRITTEN_BLANKS

MIN_COVERAGE = 0.90
"""Least probability that has to fall on labels for their distribution to mean something."""
_PASSED_OVER = WRITTEN_BLANKS + "*_`\"'#([:\uff1a"
_ABOVE_ONE = 1e-3


@dataclass(frozen=True)
class LabelDistribution:
    """How likely a judge was to answer with each label.

    Attributes:
        probabilities: of every label, summing to 1; given that the answer is one of them.
        coverage: probability that fell on labels at all, in [0, 1].
        entropy: of `probabilities`, in nats.
        missing_mass_bound: at most so much probability is of labels that the server did not
            return, of the same whole as `coverage`.
    """

    probabilities: Mapping[str, float]
    coverage: float
    entropy: float
    missing_mass_bound: float

    def expectation(self, values: Mapping[str, float] | None = None) -> float:
        """Return the mean of the labels' values; of the numbers that they spell if none are given.

        Source:
            Liu et al. 2023, arXiv 2312.15685: how its scorers read the six digits.
        """
        return math.fsum(
            probability * (float(label) if values is None else values[label])
            for label, probability in self.probabilities.items()
        )


def label_distribution(
    positions: Sequence[Mapping[str, float]],
    labels: Mapping[str, Sequence[str]] | Sequence[str],
    *,
    min_coverage: float = MIN_COVERAGE,
) -> Parsed[LabelDistribution]:
    """Return how likely a judge was to answer with each label.

    The answer is the first token that is no blank or emphasis. Where such a token is the likeliest,
    the answer may come before it or after: the probabilities of both ways are added.

    Args:
        positions: for every generated token, the candidates that the server returned and their
            natural log-probabilities, in the order of the reply.
        labels: what may be answered; or for each label, the tokens that stand for it. Blanks before
            a token do not count, case does.
        min_coverage: least probability on labels.

    Returns:
        The distribution; or PARSE_FAILED where less probability fell on labels, or where there are
        no candidates or none that are probabilities. Never a number in their stead.
    """
    failed: Parsed[LabelDistribution] = Parsed(None, Reason.PARSE_FAILED)
    spelled = labels if isinstance(labels, Mapping) else {label: (label,) for label in labels}
    owner = {_bare(token): label for label, tokens in spelled.items() for token in tokens}
    masses = dict.fromkeys(spelled, 0.0)
    reached, missing = 1.0, 0.0
    for candidates in positions:
        probabilities = _probabilities(candidates)
        if probabilities is None:
            return failed
        seen = _add(masses, probabilities, owner, reached)
        missing += reached * _unseen(probabilities, len(spelled) - len(seen))
        before = max(probabilities, key=lambda token: (probabilities[token], token))
        if before.strip(_PASSED_OVER) or _bare(before) in owner:
            break
        reached *= probabilities[before]
    else:
        missing += reached if positions else 0.0
    coverage = math.fsum(masses.values())
    if not positions or coverage < min_coverage or coverage == 0:
        return failed
    shares = {label: mass / coverage for label, mass in masses.items()}
    entropy = -math.fsum(share * math.log(share) for share in shares.values() if share > 0)
    bound = min(missing, max(0.0, 1 - coverage))
    return Parsed(
        LabelDistribution(shares, min(coverage, 1.0), max(entropy, 0.0), bound), Reason.OK
    )


def _bare(token: str) -> str:
    return token.strip(WRITTEN_BLANKS)


def _probabilities(candidates: Mapping[str, float]) -> dict[str, float] | None:
    """Return probabilities; None where they are none."""
    if not candidates or any(math.isnan(log) or log > _ABOVE_ONE for log in candidates.values()):
        return None
    found = {token: math.exp(min(log, 0.0)) for token, log in candidates.items()}
    return found if math.fsum(found.values()) <= 1 + _ABOVE_ONE else None


def _add(
    masses: dict[str, float],
    probabilities: Mapping[str, float],
    owner: Mapping[str, str],
    reached: float,
) -> set[str]:
    """Add the probabilities of labels to their masses, and return which were there."""
    seen = set()
    for token, probability in probabilities.items():
        label = owner.get(_bare(token))
        if label is not None:
            masses[label] += reached * probability
            seen.add(label)
    return seen


def _unseen(probabilities: Mapping[str, float], absent: int) -> float:
    """Return how much probability may be of labels that were not returned."""
    # What was not returned is no likelier than the least of what was, and fits in what is left.
    left = max(0.0, 1 - math.fsum(probabilities.values()))
    return min(absent * min(probabilities.values()), left)
