"""Labels of components, as people read them."""

from assay.components.rendering import COMMON
from assay.methods.likelihood.ifd import IFD

PIN = "alpaca@" + "0" * 16


def test_parameters_that_differ_from_the_default_by_a_pin_alone_are_not_told() -> None:
    pinned = IFD(rendering=COMMON.model_copy(update={"template": PIN}))

    assert pinned.label() == IFD().label() == "ifd"


def test_parameters_that_differ_are_told_with_their_pins() -> None:
    other = IFD(rendering=COMMON.model_copy(update={"template": PIN, "max_tokens": 64}))

    assert "max_tokens=64" in other.label()
