"""How much of a judge's probability fell on the labels that it was asked for."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from assay.agreement.judge_replies import Replies
from assay.features.judged_pairs import JudgedPairs
from assay.features.judgments import Judgments
from assay.judging.kept import read_stored
from assay.judging.label_probabilities import MIN_COVERAGE, label_distribution
from assay.judging.prompt_files import load_prompt
from assay.judging.replies import NoReplyError

MOST_READ = 20_000
"""Replies whose probabilities are read; keys are digests, so the first are any."""


class Coverage(NamedTuple):
    """Probability on labels, over replies, of rows without a number, too.

    Attributes:
        replies: that tell probabilities.
        mean: of what fell on labels.
        low: what a twentieth of the replies stay below.
        enough: share of the replies that reach `least`.
        least: below which nothing is read of a reply.
    """

    replies: int
    mean: float
    low: float
    enough: float
    least: float = MIN_COVERAGE


def coverage_of(replies: Replies, keys: Sequence[bytes]) -> Coverage | None:
    """Return how much fell on labels; None where no probabilities were read.

    Args:
        replies: of a feature.
        keys: of its replies.
    """
    if not isinstance(replies.feature, (Judgments, JudgedPairs)):
        return None
    labels = load_prompt(replies.feature.prompt).labels
    if not labels:
        return None
    found = []
    for stored in replies.store.find(sorted(set(keys))[:MOST_READ]).values():
        try:
            reply = read_stored(stored)
        except (NoReplyError, ValueError):
            continue
        if reply.logprobs:
            found.append(_share(reply.logprobs, labels))
    if not found:
        return None
    shares = np.array(found)
    return Coverage(
        len(shares),
        float(shares.mean()),
        float(np.quantile(shares, 0.05)),
        float(np.mean(shares >= MIN_COVERAGE)),
    )


def _share(
    logprobs: Sequence[Mapping[str, float]], labels: Mapping[str, Sequence[str]] | Sequence[str]
) -> float:
    value = label_distribution(logprobs, labels, min_coverage=-math.inf).value
    return 0.0 if value is None else value.coverage
