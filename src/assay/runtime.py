"""How work is done, never what: cache folder, workers, progress, and the way to models.

Nothing here changes a value, so nothing here is part of a key.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.components.references import name_of, short_name
from assay.errors import MissingExtraError, ModelLoadError
from assay.files import file_digest
from assay.models.encoder import Encoder, TokenCounter
from assay.notebooks import usual_progress
from assay.progress import Progress
from assay.rendering.templates import pin_template
from assay.stores.cache import default_cache_folder

if TYPE_CHECKING:
    from assay.components.references import DType
    from assay.models.language_model import LanguageModel
    from assay.models.recipe import Recipe
    from assay.models.training import Trainable


@dataclass
class Runtime:
    """What the engine and the passes may use.

    Attributes:
        cache: folder of stored values.
        workers: processes for passes that may run side by side; 1 works in this process.
        shard: (i, n) does only the i-th of n parts of the row-scope work.
        offline: never touch the network.
        progress: where work reports how far it is; by default bars on a terminal and a line in a
            notebook, and nothing where neither is there. `Silent()` never says anything.
        plugin_files: Python files whose components a worker process must know.
        max_unscored: share of rows that may fail before a score is refused.
        device: where language models run: "auto", "cpu", "cuda", "cuda:0", "mps".
    """

    cache: Path = field(default_factory=default_cache_folder)
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    shard: tuple[int, int] | None = None
    offline: bool = False
    progress: Progress = field(default_factory=usual_progress)
    plugin_files: tuple[Path, ...] = ()
    max_unscored: float = 0.02
    device: str = "auto"
    _held: dict[str, Any] = field(default_factory=dict)

    def encoder(self, pinned: str) -> Encoder:
        """Return the sentence encoder that a pinned name stands for, loaded once.

        Raises:
            ModelLoadError: if it cannot be opened, or has changed since it was pinned.
        """
        from assay.backends.encoders import load_encoder  # noqa: PLC0415  opens models

        return self._hold(f"encoder {pinned}", lambda: load_encoder(pinned, offline=self.offline))

    def token_counter(self, pinned: str) -> TokenCounter:
        """Return what counts tokens under a pinned name, loaded once.

        Raises:
            ModelLoadError: if it cannot be opened, or has changed since it was pinned.
        """
        from assay.backends.encoders import load_token_counter  # noqa: PLC0415

        return self._hold(
            f"tokenizer {pinned}", lambda: load_token_counter(pinned, offline=self.offline)
        )

    def language_model(self, pinned: str, dtype: "DType") -> "LanguageModel":
        """Return the causal language model that a pinned name stands for, loaded once.

        Raises:
            ModelLoadError: if it cannot be opened, or has changed since it was pinned.
            MissingExtraError: if it needs torch and transformers, and they are not installed.
        """
        from assay.backends.models import load_language_model  # noqa: PLC0415

        return self._hold(
            f"language model {pinned} {dtype}", lambda: load_language_model(pinned, dtype, self)
        )

    def trainable(self, pinned: str, recipe: "Recipe") -> "Trainable":
        """Return the causal language model of a pinned name, opened anew to be trained.

        Raises:
            ModelLoadError: if it cannot be opened or trained, or has changed since it was pinned.
            MissingExtraError: if what trains is not installed.
        """
        try:
            from assay.backends.trl_trainer import open_base  # noqa: PLC0415  heavy
        except ImportError as error:
            raise MissingExtraError(f"training {short_name(pinned)}", "tune") from error
        return open_base(pinned, recipe, self)

    def parameter_count(self, pinned: str) -> int:
        """Return how many weights a language model has, 0 if that cannot be told from here."""
        from assay.backends.model_size import count_parameters  # noqa: PLC0415  opens files

        return count_parameters(pinned, offline=self.offline)

    def devices(self) -> tuple[str, ...]:
        """Return the devices that language models run on.

        Raises:
            ConfigError: if there is no such device.
        """
        from assay.backends.devices import resolve_devices  # noqa: PLC0415

        return resolve_devices(self.device)

    def _hold(self, name: str, load: Callable[[], Any]) -> Any:
        if name not in self._held:
            self._held[name] = load()
        return self._held[name]

    def pin(self, kind: str, text: str) -> str:
        """Return `text` with the digest of what it names, so that keys depend on content.

        Raises:
            ModelLoadError: if nothing of that name can be found.
        """
        if kind in ("encoder", "tokenizer"):
            from assay.backends.encoders import pin  # noqa: PLC0415

            return pin(kind, text, offline=self.offline)
        if kind == "language_model":
            from assay.backends.models import pin_language_model  # noqa: PLC0415

            return pin_language_model(text, offline=self.offline)
        if kind == "template":
            return pin_template(text)
        if kind == "file":
            return pin_file(text)
        raise ModelLoadError(f"nothing can pin a {kind}")


def pin_file(text: str) -> str:
    """Return a path followed by ``@`` and the digest of the file's bytes.

    Raises:
        ModelLoadError: if the file does not exist, or is pinned and has changed since.
    """
    name = text if Path(text).exists() else name_of(text)
    path = Path(name)
    if not path.is_file():
        raise ModelLoadError(f"{name} does not exist")
    found = f"{name}@{file_digest(path)}"
    if text not in (name, found):
        raise ModelLoadError(
            f"{name} has changed since it was named as {text}",
            hint=f"name it anew, without the pin: {name}",
        )
    return found
