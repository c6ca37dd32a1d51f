"""Causal language models of the transformers library, as the causal pass asks for them."""

import copy
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.backends.batching import Group, batches
from assay.backends.model_files import reason
from assay.backends.reading import read_batches, work_of
from assay.backends.token_text import chat_text, pieces
from assay.backends.weights import merge_adapter, misfit
from assay.components.references import DType
from assay.errors import ConfigError, DamagedError, FeatureError, MissingExtraError, ModelLoadError
from assay.files.checksums import read_json, warn, write_json
from assay.models.language_model import NOTHING_KEPT, Advance, Answers, Kept, Questions

if TYPE_CHECKING:
    from assay.backends.causal_forward import Forward

_BUDGETS: Mapping[str, Sequence[int]] = {"cpu": (1024, 4096), "cuda": (8192, 32768, 131072)}
_GAIN = 0.85  # a larger budget has to be clearly faster, so that noise does not choose
_PATIENCE_SECONDS = 0.5
_TRIED_LENGTH = 128
_TRIES = 3
_WILL_DO = "base or chat models that generate text, such as gpt2, will do"


class TransformersModel:
    """A causal model and its tokenizer, from a folder or the Hub.

    Args:
        name: folder or ``org/name``.
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
        revision: str | None,
        dtype: DType,
        device: str,
        budgets: Path,
        identity: str,
        offline: bool = True,
    ) -> None:
        try:
            import torch  # noqa: PLC0415  heavy
            import transformers  # noqa: PLC0415  heavy
        except ImportError as error:
            raise MissingExtraError(f"the language model {name}", "models") from error
        self.name = name
        self._place = {"revision": revision, "local_files_only": offline or revision is None}
        self._versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        self._tokenizer = self._open_tokenizer(transformers)
        self._model = self._open_model(transformers, getattr(torch, dtype))
        self._config = self._model.config.get_text_config()
        self._device = device
        if device:
            self._forward = self._open_forward()
        self._budget_file = budgets / f"{identity}-{dtype}-{device.partition(':')[0]}.json"

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

    @property
    def tokenizer(self) -> Any:
        """The tokenizer, as transformers opened it."""
        return self._tokenizer

    def _open_tokenizer(self, transformers: Any) -> Any:
        try:
            return transformers.AutoTokenizer.from_pretrained(
                self.name, trust_remote_code=False, **self._place
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            # The last four are what transformers makes of a configuration of another shape.
            raise ModelLoadError(
                f"the tokenizer of {self.name} cannot be opened: {reason(error)}"
            ) from error

    def _open_model(self, transformers: Any, dtype: Any) -> Any:
        from safetensors import SafetensorError  # noqa: PLC0415  costs start-up time

        unreadable = (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError)
        transformers.utils.logging.disable_progress_bar()
        try:
            model, report = transformers.AutoModelForCausalLM.from_pretrained(
                self.name,
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
                **self._place,
            )
        except unreadable as error:
            raise ModelLoadError(
                f"{self.name} cannot be opened as a causal language model: {reason(error)}",
                hint="name a folder with config.json, safetensors and tokenizer, or org/name",
            ) from error
        if model.config.is_encoder_decoder:
            raise ModelLoadError(
                f"{self.name} is no causal language model: it has an encoder", hint=_WILL_DO
            )
        # The library draws lots for weights that are missing, and drops those it has no use for.
        fault = misfit(report["missing_keys"], report["unexpected_keys"])
        if fault:
            raise ModelLoadError(
                f"{self.name} is no causal language model as its config.json says: {fault}",
                hint=f"config.json and all weights must be of one model; {_WILL_DO}",
            )
        return model

    # The tokenizer

    @cached_property
    def window(self) -> int:
        """Most tokens that it can read at once."""
        return int(getattr(self._config, "max_position_embeddings", None) or 1 << 20)

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

    @property
    def bos(self) -> int | None:
        """Id of the token that begins a text."""
        return self._tokenizer.bos_token_id

    @property
    def eos(self) -> int | None:
        """Id of the token that ends a text."""
        return self._tokenizer.eos_token_id

    @cached_property
    def special_texts(self) -> Sequence[str]:
        """Texts that stand for special tokens."""
        added = self._tokenizer.backend_tokenizer.get_added_tokens_decoder().values()
        return sorted({token.content for token in added if token.special})

    def encode(self, texts: Sequence[str], *, special: bool = False) -> list[list[int]]:
        """Return the token ids of each text, with nothing added."""
        tokenizer = self._reading_special if special else self._reading_plain
        found = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [each.ids for each in found]

    def encode_as_usual(self, texts: Sequence[str]) -> list[list[int]]:
        """Return what the tokenizer gives by default, with the tokens that it adds."""
        return [each.ids for each in self._reading_special.encode_batch_fast(list(texts))]

    @cached_property
    def _reading_special(self) -> Any:
        tokenizer = copy.deepcopy(self._tokenizer.backend_tokenizer)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    @cached_property
    def _reading_plain(self) -> Any:
        tokenizer = copy.deepcopy(self._reading_special)
        tokenizer.encode_special_tokens = True
        return tokenizer

    def chat(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any]) -> str:
        """Return a conversation in the model's own format.

        Raises:
            ConfigError: if the tokenizer has no such format.
            FeatureError: if the format refuses the conversation.
        """
        return chat_text(self._tokenizer, self.name, messages, tools)

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Return the text of each token, so that together they are the text of all."""
        return pieces(
            ids,
            lambda sequences: [
                self._tokenizer.decode(
                    list(each), skip_special_tokens=False, clean_up_tokenization_spaces=False
                )
                for each in sequences
            ],
        )

    # The model

    def producer(self) -> Mapping[str, str]:
        """Return the versions and the device that make its numbers."""
        return {**self._versions, "device": self._device.partition(":")[0]}

    def read(self, questions: Questions, advance: Advance, kept: Kept = NOTHING_KEPT) -> Answers:
        """Run every different sequence through the model once, and return what is asked."""
        return read_batches(
            self._forward, lambda: self._token_budget, questions, advance, kept=kept
        )

    @cached_property
    def _token_budget(self) -> int:
        """Tokens of a batch: measured once for this model on this kind of device, then kept."""
        if self._budget_file.exists():
            try:
                return int(read_json(self._budget_file)["tokens"])
            except DamagedError as error:
                warn(error, "measured anew")
        tried = _BUDGETS.get(self._device.partition(":")[0], _BUDGETS["cpu"])
        chosen, rates = _fastest(self._seconds_per_token, tried)
        write_json(self._budget_file, {"tokens": chosen, "microseconds_per_token": rates})
        return chosen

    def _seconds_per_token(self, tokens: int) -> float:
        length = min(_TRIED_LENGTH, self.window)
        count = max(1, tokens // length)
        vocabulary = int(self._config.vocab_size)
        ids = (np.arange(count * length, dtype=np.int64) * 7919 + 13) % vocabulary
        sequences = list(ids.astype(np.int32).reshape(count, length))
        targets = [np.arange(length // 2, length)] * count
        work = work_of(Questions(sequences, targets), range(count))
        (batch,) = batches(Group(sequences[0][:0], np.arange(count)), work.sequences, tokens)
        times = []
        for _ in range(_TRIES):
            started = time.perf_counter()
            self._forward.run(batch, work)
            times.append(time.perf_counter() - started)
        return min(times) / (count * length)


def _fastest(seconds_per_token: Any, budgets: Sequence[int]) -> tuple[int, dict[str, float]]:
    """Return the smallest budget that no larger one beats clearly, and what was measured."""
    chosen = budgets[0]
    best = np.inf
    rates: dict[str, float] = {}
    for budget in budgets:
        try:
            seconds = seconds_per_token(budget)
        except FeatureError:
            break
        rates[str(budget)] = round(seconds * 1e6, 1)
        if seconds < _GAIN * best:
            chosen, best = budget, seconds
        if seconds * budget > _PATIENCE_SECONDS:
            break
    return chosen, rates
