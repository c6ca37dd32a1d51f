"""What the default of `assay select` was chosen among: selections, and the scores they rest on.

A candidate is what `assay.Project.selector` takes, without its budget.
"""

from collections.abc import Mapping
from typing import Any

from assay.methods.combinations.substance import Substance

Description = Mapping[str, Any]

SEEDED = ("random", "random in the better half")
"""Candidates that depend on a seed: means over several are recorded."""
DEFAULT = "default"


def rank_mean(*parts: str | Description, **terms: Any) -> dict[str, Any]:
    return {"method": "rank_mean", "of": list(parts), **terms}


def covering(quality: Description | None = None, **terms: Any) -> dict[str, Any]:
    """Return facility location, weighed by a quality if there is one."""
    weighed = {} if quality is None else {"quality": dict(quality), "trade_off": 0.5}
    return {"method": "facility_location", **weighed, **terms}


def best(quality: str | Description) -> dict[str, Any]:
    return {"method": "top_score", "by": quality}


def _above(by: str | Description, low: float) -> dict[str, Any]:
    return {"within": {"method": "band", "by": by, "low": low}}


_LENGTH = "longest_response"
_COMPRESSION = {"method": "compression_ifd"}
_UNREPAIRED = {"method": "compression_ifd", "least_bytes": 0}
_RELEVANCE = "relevance"
_THREE = rank_mean(_COMPRESSION, _LENGTH, "mtld")


_OWN = Substance()


def _quality(**changes: float) -> dict[str, Any]:
    """Return the default's quality, all its numbers named, with some of them changed."""
    numbers = {
        "enough_new": _OWN.enough_new,
        "least_relevant": _OWN.least_relevant,
        "enough_tokens": _OWN.enough_tokens,
    }
    return {"method": "substance", **numbers, **changes}


_QUALITY = _quality()
_WITHOUT_RELEVANCE = rank_mean(
    _COMPRESSION | {"enough": _OWN.enough_new},
    {"method": _LENGTH, "unit_of_length": "tokens", "enough": _OWN.enough_tokens},
)
_BY_COSINE = rank_mean(*_WITHOUT_RELEVANCE["of"], {"method": _RELEVANCE, "enough": 0.3})

QUALITIES: dict[str, str | Description] = {
    "longest": _LENGTH,
    "mtld": "mtld",
    "relevance": _RELEVANCE,
    "compression_ifd, no floor": _UNREPAIRED | {"rule": "none"},
    "compression_ifd": _COMPRESSION,
    "mean of three": _THREE,
    "quality without relevance": _WITHOUT_RELEVANCE,
    "quality": _QUALITY,
}
"""Scores, by the names that the page uses; `rule` is the selector's that ranks by one."""

CANDIDATES: dict[str, dict[str, Any]] = {
    "random": {"method": "random"},
    "longest": best(_LENGTH),
    "old default": covering(_UNREPAIRED, rule="none"),
    DEFAULT: covering(_QUALITY),
    "default, trade-off 0.3": covering(_QUALITY, trade_off=0.3),
    "default, trade-off 0.7": covering(_QUALITY, trade_off=0.7),
    "default, above the least relevant fifth": covering(_QUALITY) | _above(_RELEVANCE, 0.2),
    "relevant enough at a cosine of 0.3": covering(_BY_COSINE),
    "quality alone": best(_QUALITY),
    "quality, DEITA filter": {"method": "deita_filter", "by": _QUALITY, "threshold": 0.8},
    "k-center in the better half": {"method": "k_center", **_above(_QUALITY, 0.5)},
    "random in the better half": {"method": "random", **_above(_QUALITY, 0.5)},
    "facility location, above the least relevant tenth": covering(_WITHOUT_RELEVANCE)
    | _above(_RELEVANCE, 0.1),
    "facility location, above the least relevant fifth": covering(_WITHOUT_RELEVANCE)
    | _above(_RELEVANCE, 0.2),
    "facility location alone": covering(),
    "facility location, compression_ifd": covering(_COMPRESSION),
    "facility location, mean of three": covering(_THREE),
    "compression_ifd alone": best(_COMPRESSION),
    "mtld alone": best("mtld"),
    "mean of three alone": best(_THREE),
}
"""The mean of three is that of the ranks of compression_ifd, length and mtld; "better half" means
the upper half by the default's quality."""

NEIGHBOURS: dict[str, dict[str, Any]] = {
    "new enough at 0.9": covering(_quality(enough_new=0.9)),
    "new enough at 0.92": covering(_quality(enough_new=0.92)),
    "new enough at 0.99": covering(_quality(enough_new=0.99)),
    "least relevant tenth told apart": covering(_quality(least_relevant=0.1)),
    "least relevant fifth told apart": covering(_quality(least_relevant=0.2)),
    "least relevant half told apart": covering(_quality(least_relevant=0.5)),
    "long enough at 48 tokens": covering(_quality(enough_tokens=48)),
    "long enough at 96 tokens": covering(_quality(enough_tokens=96)),
    "long enough at 128 tokens": covering(_quality(enough_tokens=128)),
    "trade-off 0.4": covering(_QUALITY, trade_off=0.4),
    "trade-off 0.6": covering(_QUALITY, trade_off=0.6),
}
"""The default with one of its four numbers changed."""

ARMS = {
    "longest_response": "longest",
    "old_default": "old default",
    "fl_alone": "facility location alone",
    "fl_cifd": "facility location, compression_ifd",
    "fl_three": "facility location, mean of three",
    "fl_03": "default, trade-off 0.3",
    "mtld": "mtld alone",
    "compression_ifd": "compression_ifd alone",
    "quality_alone": "quality alone",
    "deita": "quality, DEITA filter",
    "k_center_upper_half": "k-center in the better half",
    "random_upper_half": "random in the better half",
}
"""Candidates by the names of their arms in comparisons; other arms keep their own."""
