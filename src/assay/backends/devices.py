"""The devices of this machine that models can run on."""

from assay.components.extras import is_installed
from assay.errors import ConfigError, MissingExtraError, Parameter


def resolve_devices(wanted: str) -> tuple[str, ...]:
    """Return the devices that a name stands for.

    Args:
        wanted: "auto" for all graphics processors, or else the processor; "cuda" for all of them;
            "cuda:1", "mps" or "cpu" for one.

    Raises:
        ConfigError: if there is no such device.
        MissingExtraError: if torch is needed to use it and not installed.
    """
    if wanted in ("auto", "cpu") and not is_installed("models"):
        return ("cpu",)  # what runs without torch runs there
    if not is_installed("models"):
        raise MissingExtraError(Parameter("device", wanted), "models")
    import torch  # noqa: PLC0415  heavy

    cards = tuple(f"cuda:{number}" for number in range(torch.cuda.device_count()))
    if wanted == "auto":
        return cards or ("cpu",)
    if wanted == "cuda" and cards:
        return cards
    if wanted == "cpu" or wanted in cards:
        return (wanted,)
    if wanted == "mps" and torch.backends.mps.is_available():
        return ("mps",)
    raise ConfigError(
        f"there is no device {wanted!r} here", hint=f"auto, cpu{''.join(f', {c}' for c in cards)}"
    )
