"""A model that is made on the way in no time."""

from typing import ClassVar

from assay.components.base import NoPaper, Paper
from assay.components.references import ModelName
from assay.features.made_models import MadeModel
from assay.pool.view import PoolView
from assay.runtime import Runtime


class TakenModel(MadeModel):
    """A model that is made by taking another one as it is."""

    name = "taken_model_for_tests"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a toy for tests")
    stored: ClassVar[bool] = False

    base: ModelName
    """The other one."""

    def compute(self, view: PoolView, runtime: Runtime) -> str:
        return self.base

    def named(self, value: str) -> str:
        return value

    def before(self) -> str:
        return self.base
