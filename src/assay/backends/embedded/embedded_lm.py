"""``assay:lm``: the language model in the wheel, by torch where it is installed, else by numpy."""

import hashlib
import importlib.util
import json
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assay.backends.generating import Batch, generate_batches
from assay.backends.reading import read_batches
from assay.backends.token_text import pieces
from assay.components.decoding import Decoding
from assay.components.references import EMBEDDED_MODEL, DType
from assay.errors import ConfigError, MissingExtraError, Parameter, Phrase
from assay.models.generation import Prompts, Replies
from assay.models.language_model import NOTHING_KEPT, Advance, Answers, Kept, Questions
from assay.rendering.encoding import TokenIds

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from assay.backends.embedded.copying_arrays import CopyingArrays
    from assay.backends.embedded.copying_forward import CopyingForward

ASSETS = Path(__file__).parents[2] / "assets" / "language_model"
_TOKENS = 1024  # of a batch: more does not fit into the caches of a processor
_TOGETHER = 32  # rows that are read together while they write
_DECIDING = ("config.json", "model.safetensors", "tokenizer.json")


@cache
def embedded_digest() -> str:
    """Return the hexadecimal digest of the files that decide the model's numbers."""
    state = hashlib.blake2b(digest_size=6)
    for name in _DECIDING:
        state.update((ASSETS / name).read_bytes())
    return state.hexdigest()


class EmbeddedModel:
    """The embedded model and its tokenizer.

    Args:
        dtype: number format of products; anything but float32 needs torch.
        device: where torch runs it.
        by: "torch" or "numpy"; whichever is faster here if not given.
        folder: with its files.

    Raises:
        MissingExtraError: if torch is needed and not installed.
    """

    def __init__(
        self,
        dtype: DType = "float32",
        device: str = "cpu",
        *,
        by: str | None = None,
        folder: Path = ASSETS,
    ) -> None:
        self._folder = folder
        self._config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        has_torch = importlib.util.find_spec("torch") is not None
        if dtype != "float32" and not has_torch:
            raise MissingExtraError(f"{dtype} products", "models")
        self._by = by or ("torch" if has_torch else "numpy")
        self._device = device if self._by == "torch" else "cpu"
        self._dtype = dtype
        self._forward = self._open(dtype)

    def _open(self, dtype: DType) -> "CopyingForward[Any]":
        if self._by == "numpy":
            from assay.backends.embedded.copying_forward import ArraysForward  # noqa: PLC0415

            return ArraysForward(self._arrays)
        weights, words = _weights(self._folder / "model.safetensors")
        from assay.backends.embedded.copying_network import Shape  # noqa: PLC0415  imports torch
        from assay.backends.embedded.copying_torch import TorchForward  # noqa: PLC0415

        shape = Shape(**{name: self._config[name] for name in Shape.__dataclass_fields__})
        return TorchForward(shape, weights, words.tolist(), dtype, self._device)

    @property
    def window(self) -> int:
        """Most tokens that it can read at once."""
        return int(self._config["window"])

    @property
    def width(self) -> int:
        """Length of a hidden state."""
        return int(self._config["width"])

    def width_at(self, layer: int) -> int:
        """Return the length of a hidden state, of the last layer alone.

        Raises:
            ConfigError: if another is asked for.
        """
        if layer != -1:
            raise ConfigError(
                f"{EMBEDDED_MODEL} gives its last hidden states alone",
                hint=Parameter("layer", "-1"),
            )
        return self.width

    @property
    def bos(self) -> int:
        """Id of the token that begins a text."""
        return 0

    @property
    def eos(self) -> int:
        """Id of the token that ends a text: the same."""
        return 0

    @cached_property
    def special_texts(self) -> Sequence[str]:
        """Texts that stand for special tokens."""
        return [self._reading_special.id_to_token(0) or ""]

    def encode(self, texts: Sequence[str], *, special: bool = False) -> list[list[int]]:
        """Return the token ids of each text, with nothing added."""
        tokenizer = self._reading_special if special else self._reading_plain
        return [each.ids for each in tokenizer.encode_batch_fast(list(texts))]

    def encode_as_usual(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the same: the tokenizer adds no tokens."""
        return self.encode(texts, special=True)

    @cached_property
    def _reading_special(self) -> "Tokenizer":
        from tokenizers import Tokenizer  # noqa: PLC0415  costs start-up time

        return Tokenizer.from_file(str(self._folder / "tokenizer.json"))

    @cached_property
    def _reading_plain(self) -> "Tokenizer":
        from tokenizers import Tokenizer  # noqa: PLC0415  costs start-up time

        tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        tokenizer.encode_special_tokens = True
        return tokenizer

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Any],
        *,
        answering: bool = False,
    ) -> str:
        """Refuse: it has no format of its own.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(
            f"{EMBEDDED_MODEL} has no chat template",
            hint=Parameter("rendering.template", "alpaca"),
        )

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Return the text of each token, so that together they are the text of all."""
        tokenizer = self._reading_special

        def decode(sequences: Sequence[Sequence[int]]) -> list[str]:
            return tokenizer.decode_batch(
                [list(each) for each in sequences], skip_special_tokens=False
            )

        return pieces(ids, decode)

    def producer(self) -> Mapping[str, str]:
        """Return what makes its numbers: numpy or torch, and the device."""
        if self._by == "numpy":
            return {"numpy": np.__version__, "device": "cpu"}
        import torch  # noqa: PLC0415  heavy

        return {"torch": torch.__version__, "device": self._device.partition(":")[0]}

    def read(self, questions: Questions, advance: Advance, kept: Kept = NOTHING_KEPT) -> Answers:
        """Run every different sequence through the model once, and return what is asked."""
        return read_batches(self._forward, lambda: _TOKENS, questions, advance, kept=kept)

    # What it writes

    takes_chats = False

    def generate(
        self, prompts: Prompts, decoding: Decoding, advance: Advance, kept: Kept = NOTHING_KEPT
    ) -> Replies:
        """Return a reply to every prompt.

        Raises:
            ConfigError: if products in another format than float32 are wanted.
        """
        if self._dtype != "float32":
            raise ConfigError(
                f"{EMBEDDED_MODEL} writes in float32",
                hint=Phrase("leave {} away", Parameter("dtype")),
            )
        return generate_batches(self, prompts, decoding, advance, kept)

    @property
    def ends(self) -> tuple[int, ...]:
        """All tokens that end a text."""
        return (self.eos,)

    def together(self, tokens: int) -> int:
        """Return how many rows are read together."""
        return _TOGETHER

    def begin(self, prompts: Sequence[TokenIds]) -> Batch:
        """Return some prompts, read."""
        from assay.backends.embedded.copying_generation import CopyingRows  # noqa: PLC0415

        return CopyingRows(self._arrays, prompts)

    def resume(self, state: Mapping[str, NDArray[Any]]) -> Batch:
        """Return a batch of which `state` told how far it was."""
        from assay.backends.embedded.copying_generation import CopyingRows  # noqa: PLC0415

        return CopyingRows.of(self._arrays, state)

    @cached_property
    def _arrays(self) -> "CopyingArrays":
        from assay.backends.embedded.copying_arrays import CopyingArrays  # noqa: PLC0415

        return CopyingArrays(*_weights(self._folder / "model.safetensors"), self._config["heads"])

    def shown(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Return the text of each sequence, without special tokens."""
        return self._reading_special.decode_batch([list(each) for each in ids])


def _weights(path: Path) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.int64]]:
    """Return the parameters in float32, and the number of each token's word."""
    from safetensors.numpy import load_file  # noqa: PLC0415  costs start-up time

    tensors = load_file(path)
    words = tensors.pop("words").astype(np.int64)
    return {name: value.astype(np.float32) for name, value in tensors.items()}, words
