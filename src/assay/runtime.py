"""How work is done, never what: cache folder, workers, progress, and the way to models.

Nothing here changes a value, so nothing here is part of a key.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.backends.held import HeldModels
from assay.components.references import (
    EMBEDDED_MODEL,
    is_embedded_encoder,
    is_endpoint,
    name_of,
    short_name,
)
from assay.errors import ConfigError, MissingExtraError
from assay.models.encoder import Encoder, TokenCounter
from assay.notebooks import usual_progress
from assay.pinning import pin
from assay.processors import limit_threads, machine_processors, usable_processors
from assay.progress import Patient, Progress
from assay.stores.cache import default_cache_folder
from assay.stores.unfinished import default_interval_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from assay.components.references import DType
    from assay.judging.judge import Judge
    from assay.judging.kept import KeptReplies
    from assay.models.classifier import Classifier
    from assay.models.generation import Generator
    from assay.models.gradients import GradientModel
    from assay.models.head import Head, HeadKind
    from assay.models.language_model import LanguageModel
    from assay.models.recipe import Recipe
    from assay.models.service import Unasked
    from assay.models.text_to_text import TextToText
    from assay.models.training import Trainable, TrainableClassifier
    from assay.samples import IndexArray


@dataclass
class Runtime:
    """What the engine and the passes may use.

    Attributes:
        cache: folder of stored values.
        threads: processors that are used at once, by processes and by threads of linear algebra
            and models, in the whole of this process; by default those that may be used.
        workers: processes for passes that may run side by side, as many as threads by default; 1
            works in this process.
        shard: (i, n) does only the i-th of n parts of the row-scope work.
        offline: never touch the network.
        progress: where work reports how far it is; by default bars on a terminal and a line in a
            notebook, and nothing where neither is there. `Silent()` never says anything.
        plugin_files: Python files whose components a worker process must know.
        max_unscored: share of rows that may fail before a score is refused.
        device: where language models run: "auto", "cpu", "cuda", "cuda:0", "mps".
        max_cost: most that judges may cost, such as "5 USD"; empty for no limit.
        price: what judges cost per million tokens, such as "in=0.15,out=0.6", or a file of prices.
        concerning: whose rows work is about, for what is spent on them.
        keep_seconds: work of a pass that may be lost when it is stopped; $ASSAY_KEEP_SECONDS, or
            30 s by default.
        models: which models are open. Of those that take room there is one at a time, so keep none
            in a variable while another is asked for.
    """

    cache: Path = field(default_factory=default_cache_folder)
    threads: int = field(default_factory=usable_processors)
    workers: int = 0
    shard: tuple[int, int] | None = None
    offline: bool = False
    progress: Progress = field(default_factory=usual_progress)
    plugin_files: tuple[Path, ...] = ()
    max_unscored: float = 0.02
    device: str = "auto"
    max_cost: str = ""
    price: str = ""
    concerning: str = ""
    keep_seconds: float = field(default_factory=default_interval_seconds)
    models: HeldModels = field(default_factory=HeldModels)

    @property
    def stages(self) -> Progress:
        """Where work on all rows at once reports how far it is, if it takes more than a second."""
        return Patient(self.progress)

    def __post_init__(self) -> None:
        """Keep to the threads that are wanted, where libraries would start more."""
        if self.threads < 1:
            raise ConfigError(f"{self.threads} threads do no work", hint="1 or more")
        self.workers = self.workers or self.threads
        if self.threads < machine_processors():
            limit_threads(self.threads)

    def encoder(self, pinned: str) -> Encoder:
        """Return the sentence encoder that a pinned name stands for, opened if it is not open.

        Raises:
            ModelLoadError: if it cannot be opened, or has changed since it was pinned.
        """
        from assay.backends.encoders import load_encoder  # noqa: PLC0415  opens models

        found: Encoder = self.models.get(
            f"encoder {pinned}",
            lambda: load_encoder(pinned, offline=self.offline),
            small=is_embedded_encoder(pinned),
        )
        return found

    def encoder_width(self, pinned: str) -> int:
        """Return the length of an encoder's vectors; raises as `encoder`."""
        return self.models.width(f"encoder {pinned}", lambda: self.encoder(pinned).dimension)

    def token_counter(self, pinned: str) -> TokenCounter:
        """Return what counts tokens under a pinned name, opened if it is not open.

        Raises:
            ModelLoadError: if it cannot be opened, or has changed since it was pinned.
        """
        from assay.backends.encoders import load_token_counter  # noqa: PLC0415

        found: TokenCounter = self.models.get(
            f"tokenizer {pinned}",
            lambda: load_token_counter(pinned, offline=self.offline),
            small=True,
        )
        return found

    def language_model(self, pinned: str, dtype: "DType") -> "LanguageModel":
        """Return the causal language model that a pinned name stands for, opened if need be.

        Raises:
            ModelLoadError: if it cannot be opened, or has changed since it was pinned.
            MissingExtraError: if it needs torch and transformers, and they are not installed.
        """
        found: LanguageModel = self._opened(pinned, dtype)
        return found

    def generator(self, pinned: str, dtype: "DType") -> "Generator":
        """Return the model of a pinned name as one that writes, opened if need be.

        Raises:
            ModelLoadError: if it cannot be opened, or has changed since it was pinned.
            MissingExtraError: if it needs torch and transformers, and they are not installed.
        """
        if is_endpoint(pinned):
            from assay.backends.endpoint.http_generation import (  # noqa: PLC0415  asks the server
                load_endpoint_generator,
            )

            asked: Generator = self.models.get(
                f"generator {pinned}", lambda: load_endpoint_generator(pinned, dtype, self)
            )
            return asked
        found: Generator = self._opened(pinned, dtype)
        return found

    def unasked(self, pinned: str) -> "Unasked | None":
        """Return what tells what the service of a pinned name would be asked; None if it is none.

        Nothing is sent to it, now or later.
        """
        if not is_endpoint(pinned):
            return None
        from assay.backends.endpoint.unasked import open_unasked  # noqa: PLC0415

        found: Unasked = self.models.get(
            f"unasked {pinned}", lambda: open_unasked(pinned), small=True
        )
        return found

    def about(self, pool: Path) -> "Runtime":
        """Return the same for work about the rows of a pool: what it costs is counted for these.

        Args:
            pool: its file.
        """
        return replace(self, concerning=pool.stem)

    def judge(self, pinned: str) -> "Judge":
        """Return the judge that a pinned name stands for, asked from here on.

        Raises:
            ModelLoadError: if it does not answer, denies access, or lacks the model.
            MissingExtraError: if it is a file, and what serves files is not installed.
            ConfigError: if nobody has said what it costs, or a price or the cap is none.
        """
        from assay.judging.opening import open_judge  # noqa: PLC0415  asks the server

        found: Judge = self.models.get(
            f"judge {pinned} {self.price} {self.max_cost} {self.cache}",
            lambda: open_judge(pinned, self, self.models.get("spending", list, small=True)),
            small=is_endpoint(pinned),
        )
        return found

    def kept_replies(self, pinned: str) -> "KeptReplies":
        """Return what a judge has replied so far; nobody is asked. Raises as `judge`."""
        from assay.judging.opening import kept_replies  # noqa: PLC0415

        return kept_replies(pinned, self)[0]

    def _opened(self, pinned: str, dtype: "DType") -> Any:
        from assay.backends.models import load_language_model  # noqa: PLC0415  opens models

        return self.models.get(
            f"language model {pinned} {dtype} {self.device} {self.cache}",
            lambda: load_language_model(pinned, dtype, self),
            small=name_of(pinned) == EMBEDDED_MODEL,
        )

    def classifier(self, pinned: str, dtype: "DType") -> "Classifier":
        """Return the sequence classifier that a pinned name stands for, opened if need be.

        Raises:
            ModelLoadError: if it cannot be opened, or has changed since it was pinned.
            MissingExtraError: if torch and transformers are not installed.
        """
        from assay.backends.models import load_classifier  # noqa: PLC0415

        found: Classifier = self.models.get(
            f"classifier {pinned} {dtype} {self.device} {self.cache}",
            lambda: load_classifier(pinned, dtype, self),
        )
        return found

    def text_to_text(self, pinned: str, dtype: "DType") -> "TextToText":
        """Return the text-to-text model that a pinned name stands for, opened if need be.

        Raises:
            ModelLoadError: if it cannot be opened, or has changed since it was pinned.
            MissingExtraError: if torch and transformers are not installed.
        """
        from assay.backends.models import load_text_to_text  # noqa: PLC0415

        found: TextToText = self.models.get(
            f"text-to-text {pinned} {dtype} {self.device} {self.cache}",
            lambda: load_text_to_text(pinned, dtype, self),
        )
        return found

    def gradients(
        self, pinned: str, dtype: "DType", *, parameters: tuple[str, ...] = ("*lora_*",)
    ) -> "GradientModel":
        """Return the causal model of a pinned name to be differentiated, opened if need be.

        Args:
            pinned: the model; the adapter of one stays beside the weights of its base.
            dtype: its number format.
            parameters: patterns of the names of those that it is differentiated by; by default
                those of a low-rank adapter.

        Raises:
            ConfigError: if a pattern fits no parameter.
            ModelLoadError: if it cannot be opened, or has changed since it was pinned.
            MissingExtraError: if what opens it is not installed.
        """
        from assay.backends.models import load_gradients  # noqa: PLC0415

        found: GradientModel = self.models.get(
            f"gradients {pinned} {dtype} {self.device} {self.cache} {parameters}",
            lambda: load_gradients(pinned, parameters, dtype, self),
        )
        return found

    def hidden_width(self, pinned: str, dtype: "DType", *, layer: int = -1) -> int:
        """Return the length of a language model's hidden states; raises as `language_model`.

        Args:
            pinned: the model.
            dtype: its number format.
            layer: whose states; -1 for the last.

        Raises:
            ConfigError: if it has no such layer.
        """
        return self.models.width(
            f"language model {pinned} {layer}",
            lambda: self.language_model(pinned, dtype).width_at(layer),
        )

    def trainable(self, pinned: str, recipe: "Recipe") -> "Trainable":
        """Return the causal language model of a pinned name, opened anew to be trained.

        Whoever asks holds it alone, and no other that takes room is open by then.

        Raises:
            ModelLoadError: if it cannot be opened or trained, or has changed since it was pinned.
            MissingExtraError: if what trains is not installed.
        """
        try:
            from assay.backends.trl_trainer import open_base  # noqa: PLC0415  heavy
        except ImportError as error:
            raise MissingExtraError(f"training {short_name(pinned)}", "tune") from error
        self.let_go()
        return open_base(pinned, recipe, self)

    def trainable_classifier(
        self, pinned: str, recipe: "Recipe", words: "Sequence[str]"
    ) -> "TrainableClassifier":
        """Return the model of a pinned name with a new output layer, opened anew to be trained.

        Args:
            pinned: a language model, an encoder or a classifier.
            recipe: how it is trained.
            words: that are told apart; none for one that gives a number.

        Raises:
            ModelLoadError: if it cannot be opened or trained, or has changed since it was pinned.
            MissingExtraError: if what trains is not installed.
        """
        try:
            from assay.backends.classifier_trainer import (  # noqa: PLC0415  heavy
                open_classifier_base,
            )
        except ImportError as error:
            raise MissingExtraError(f"training {short_name(pinned)}", "tune") from error
        self.let_go()
        return open_classifier_base(pinned, recipe, words, self)

    def parameter_count(self, pinned: str) -> int:
        """Return how many weights a language model has, 0 if that is not known from here."""
        from assay.backends.model_size import count_parameters  # noqa: PLC0415  opens files

        return count_parameters(pinned, offline=self.offline)

    def distance_k_means(
        self, vectors: "NDArray[np.floating]", count: int, *, seed: int
    ) -> "tuple[IndexArray, NDArray[np.float32]]":
        """Return clusters by distance; see `assay.backends.euclidean_k_means`.

        Raises:
            MissingExtraError: if scikit-learn is not installed.
        """
        from assay.backends.euclidean_k_means import euclidean_k_means  # noqa: PLC0415

        return euclidean_k_means(vectors, count, seed=seed)

    def head(self, kind: "HeadKind") -> "Head":
        """Return what fits and reads a kind of head; see `assay.backends.heads`.

        Raises:
            MissingExtraError: if scikit-learn or torch is not installed.
        """
        from assay.backends.heads import open_head  # noqa: PLC0415  opens its library

        return open_head(kind)

    def devices(self) -> tuple[str, ...]:
        """Return the devices that language models run on.

        Raises:
            ConfigError: if there is no such device.
        """
        from assay.backends.devices import resolve_devices  # noqa: PLC0415

        return resolve_devices(self.device)

    def let_go(self) -> None:
        """Close what is open and takes room: it is not needed soon, or something else is."""
        self.models.let_go()

    def pin(self, kind: str, text: str) -> str:
        """Return `text` with the digest of what it names; see `assay.pinning`."""
        return pin(kind, text, offline=self.offline)
