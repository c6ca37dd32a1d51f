import pytest

from assay.backends.devices import resolve_devices
from assay.errors import ConfigError
from assay.runtime import Runtime

torch = pytest.importorskip("torch")


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: request.param)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.mark.parametrize(
    ("cards", "wanted", "found"),
    [
        (0, "auto", ("cpu",)),
        (0, "cpu", ("cpu",)),
        (2, "auto", ("cuda:0", "cuda:1")),
        (2, "cuda", ("cuda:0", "cuda:1")),
        (2, "cuda:1", ("cuda:1",)),
        (2, "cpu", ("cpu",)),
    ],
    indirect=["cards"],
)
@pytest.mark.usefixtures("cards")
def test_a_name_stands_for_devices(wanted: str, found: tuple[str, ...]) -> None:
    assert resolve_devices(wanted) == found
    assert Runtime(device=wanted).devices() == found


@pytest.mark.parametrize(
    ("cards", "wanted"),
    [(0, "cuda"), (0, "cuda:0"), (2, "cuda:2"), (0, "mps"), (0, "tpu"), (1, "")],
    indirect=["cards"],
)
@pytest.mark.usefixtures("cards")
def test_a_device_that_is_not_there_is_refused(wanted: str) -> None:
    with pytest.raises(ConfigError, match=f"no device '{wanted}'") as caught:
        resolve_devices(wanted)
    assert "auto, cpu" in (caught.value.hint or "")


def test_a_processor_of_another_maker_is_used_if_it_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)

    assert resolve_devices("mps") == ("mps",)
