"""Parameters that take a score or a feature alike."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator

from assay.components.building import kind_for
from assay.components.component import Feature, Scorer, build


def _score_or_feature(value: Any) -> Any:
    described = isinstance(value, (str, Mapping))
    return build(value, kind_for(value, ("scorer", "feature"))) if described else value


AnyRowValue: TypeAlias = Annotated[Scorer | Feature, BeforeValidator(_score_or_feature)]
"""A score, or a feature; of both of a name, the score."""
