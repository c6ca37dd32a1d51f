"""Where models work: what backends may know of the runtime that opens them."""

from pathlib import Path
from typing import Protocol

from assay.progress import Progress


class Workplace(Protocol):
    """A place of work: devices, a folder to remember in, and whether the network may be asked."""

    @property
    def cache(self) -> Path:
        """Return the folder of stored values."""

    @property
    def offline(self) -> bool:
        """Return whether the network is never touched."""

    @property
    def progress(self) -> Progress:
        """Return where work reports how far it is."""

    def devices(self) -> tuple[str, ...]:
        """Return the devices that language models run on.

        Raises:
            ConfigError: if there is no such device.
        """
