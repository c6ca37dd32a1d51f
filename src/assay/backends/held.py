"""Which models are open: each is opened once, and of those that take room one at a time."""

import gc
import sys
from collections.abc import Callable
from typing import Any

from assay.models.language_model import Closing


class HeldModels:
    """Models that are open, for whoever asks next.

    Small ones stay. Of the others there is one: it is let go before the next is opened, so that
    the memory of the largest is enough. Runtimes that share an instance share its models.
    """

    def __init__(self) -> None:
        self._small: dict[str, Any] = {}
        self._large: dict[str, Any] = {}
        self._widths: dict[str, int] = {}

    def get(self, name: str, load: Callable[[], Any], *, small: bool = False) -> Any:
        """Return the model of a name.

        Args:
            name: of the model, with all that decides what `load` returns.
            load: opens it, if it is not open.
            small: it may stay beside others.
        """
        held = self._small if small else self._large
        if name not in held:
            if not small:
                self.let_go()
            held[name] = load()
        return held[name]

    def width(self, name: str, ask: Callable[[], int]) -> int:
        """Return the length of a model's vectors, without opening it anew once that is known.

        Args:
            name: of the model.
            ask: opens it, if it is not open, and says how long.
        """
        if name not in self._widths:
            self._widths[name] = ask()
        return self._widths[name]

    def let_go(self) -> None:
        """Close the model that takes room, if one is open, and give back what it leaves."""
        while self._large:
            _, model = self._large.popitem()
            if isinstance(model, Closing):
                model.close()
            del model
        _free_memory()


def _free_memory() -> None:
    """Give back the memory of models that nobody holds, trained ones among them."""
    gc.collect()  # what is made of layers refers to itself
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
