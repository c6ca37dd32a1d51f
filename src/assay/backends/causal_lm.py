"""Causal language models of the transformers library, as the causal pass asks for them."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assay.backends.batching import Group, batches
from assay.backends.generating import Batch, generate_batches
from assay.backends.opening import UNLIMITED, Kind, find_library, open_model, open_tokenizer
from assay.backends.reading import read_batches, work_of
from assay.backends.token_budgets import budget_file, least_seconds, tried_tokens, tuned_budget
from assay.backends.tokenizer_encoding import TokenizerEncoding
from assay.backends.weights import merge_adapter
from assay.components.decoding import Decoding
from assay.components.references import DType
from assay.errors import ConfigError, ModelLoadError
from assay.models.generation import Prompts, Replies
from assay.models.language_model import NOTHING_KEPT, Advance, Answers, Kept, Questions
from assay.rendering.encoding import TokenIds

if TYPE_CHECKING:
    from assay.backends.causal_forward import Forward
    from assay.backends.causal_generation import CausalGeneration

_TOGETHER: Mapping[str, tuple[int, float]] = {"cpu": (32, 2.0**31), "cuda": (256, 2.0**33)}
"""Rows that are read together while they write, and memory for their keys and values in bytes."""
_WILL_DO = "base or chat models that generate text, such as gpt2, will do"
_KIND = Kind(
    "AutoModelForCausalLM",
    "a causal language model",
    _WILL_DO,
    lambda model: "it has an encoder" if model.config.is_encoder_decoder else "",
)


class TransformersModel(TokenizerEncoding):
    """A causal model and its tokenizer, from a folder or the Hub.

    Args:
        name: what it is called.
        place: folder or ``org/name``.
        revision: commit on the Hub; None for a folder.
        dtype: number format of weights and products.
        device: where it runs, such as "cpu" or "cuda:0"; "" for one that is only to be trained.
        budgets: folder that keeps the tuned token budgets.
        identity: what names the model among them.
        offline: never touch the network.

    Raises:
        MissingExtraError: if transformers or torch is not installed.
        ModelLoadError: if it cannot be opened, or is no causal model.
    """

    def __init__(
        self,
        name: str,
        *,
        place: str,
        revision: str | None,
        dtype: DType,
        device: str,
        budgets: Path,
        identity: str,
        offline: bool = True,
    ) -> None:
        library = find_library(
            "the language model", name, place, revision=revision, offline=offline
        )
        super().__init__(name, open_tokenizer(library))
        self._versions = library.versions
        self._model = open_model(library, _KIND, dtype)
        self._config = self._model.config.get_text_config()
        self._device = device
        if device:
            self._forward = self._open_forward()
        self._budget_file = budget_file(budgets, identity, dtype, device)

    def _open_forward(self) -> "Forward":
        from assay.backends.causal_forward import Forward  # noqa: PLC0415  imports torch

        try:
            forward = Forward(self._model.to(self._device).eval())
        except RuntimeError as error:
            raise ModelLoadError(f"{self.name} does not run on {self._device}: {error}") from error
        if forward.looks_ahead:
            raise ModelLoadError(
                f"{self.name} is no causal language model: what it makes of a token depends on "
                "those that follow",
                hint=_WILL_DO,
            )
        return forward

    def merge(self, adapter: Path) -> None:
        """Merge an adapter into the weights, and go by its name from now on.

        Raises:
            MissingExtraError: if PEFT is not installed.
            ModelLoadError: if the adapter does not fit.
        """
        self._model = merge_adapter(self._model, adapter)
        self.name = str(adapter)
        if self._device:
            self._forward = self._open_forward()

    @property
    def module(self) -> Any:
        """The model itself, as transformers opened it."""
        return self._model

    @cached_property
    def window(self) -> int:
        """Most tokens that it can read at once."""
        return int(getattr(self._config, "max_position_embeddings", None) or UNLIMITED)

    @property
    def width(self) -> int:
        """Length of a last hidden state."""
        return self._forward.width

    def width_at(self, layer: int) -> int:
        """Return the length of a hidden state of a layer, -1 for the last.

        Raises:
            ConfigError: if there is no such layer.
        """
        if layer == -1:
            return self.width
        widths = self._forward.layer_widths
        if not -len(widths) <= layer < len(widths):
            raise ConfigError(
                f"{self.name} has no layer {layer}: 0 is its embeddings, {len(widths) - 1} its last"
            )
        return widths[layer]

    # The model

    def producer(self) -> Mapping[str, str]:
        """Return the versions and the device that make its numbers."""
        return {**self._versions, "device": self._device.partition(":")[0]}

    def read(self, questions: Questions, advance: Advance, kept: Kept = NOTHING_KEPT) -> Answers:
        """Run every different sequence through the model once, and return what is asked."""
        return read_batches(
            self._forward, lambda: self._token_budget, questions, advance, kept=kept
        )

    # What it writes

    takes_chats = False

    def generate(
        self, prompts: Prompts, decoding: Decoding, advance: Advance, kept: Kept = NOTHING_KEPT
    ) -> Replies:
        """Return a reply to every prompt."""
        return generate_batches(self, prompts, decoding, advance, kept)

    @cached_property
    def ends(self) -> tuple[int, ...]:
        """All tokens that end a text: the tokenizer's, and those of the model's own settings."""
        settings = getattr(self._model, "generation_config", None)
        found = [self.eos]
        for own in (settings, self._config):
            named = getattr(own, "eos_token_id", None)
            found += named if isinstance(named, (list, tuple)) else [named]
        return tuple(sorted({token for token in found if isinstance(token, int)}))

    def together(self, tokens: int) -> int:
        """Return how many rows are read together that have so many tokens each."""
        kind = self._device.partition(":")[0]
        rows, room = _TOGETHER.get(kind, _TOGETHER["cpu"])
        return min(rows, int(room / (tokens * self._bytes_per_token)))

    @cached_property
    def _bytes_per_token(self) -> float:
        """Memory that the keys and values of one token take, at most."""
        layers = int(getattr(self._config, "num_hidden_layers", 1))
        return 2.0 * layers * self.width * self._forward.dtype.itemsize

    def begin(self, prompts: Sequence[TokenIds]) -> Batch:
        """Return some prompts, read."""
        return self._generation.begin(prompts)

    def resume(self, state: Mapping[str, NDArray[Any]]) -> Batch:
        """Return a batch of which `state` told how far it was."""
        return self._generation.resume(state)

    @cached_property
    def _generation(self) -> "CausalGeneration":
        from assay.backends.causal_generation import CausalGeneration  # noqa: PLC0415  torch

        return CausalGeneration(self._model, self._forward)

    def shown(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Return the text of each sequence, without special tokens."""
        return [
            self._tokenizer.decode(
                list(each), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
            for each in ids
        ]

    @cached_property
    def _token_budget(self) -> int:
        """Tokens of a batch."""
        return tuned_budget(self._budget_file, self._device, self._seconds_per_token)

    def _seconds_per_token(self, tokens: int) -> float:
        tried = tried_tokens(tokens, self.window, int(self._config.vocab_size))
        count, length = tried.shape
        targets = [np.arange(length // 2, length)] * count
        work = work_of(Questions(list(tried), targets), range(count))
        (batch,) = batches(Group(tried[0][:0], np.arange(count)), work.sequences, tokens)
        return least_seconds(lambda: self._forward.run(batch, work)) / tried.size
