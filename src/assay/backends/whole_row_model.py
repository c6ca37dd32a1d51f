"""Models of transformers that read rows whole: what classifiers and text-to-text models share."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from assay.backends.opening import Kind, Library, find_library, open_model, open_tokenizer
from assay.backends.token_budgets import budget_file, least_seconds, tried_tokens, tuned_budget
from assay.backends.tokenizer_encoding import TokenizerEncoding
from assay.backends.whole_rows import Run, halving, read_whole
from assay.components.references import DType
from assay.errors import ModelLoadError
from assay.models.classifier import Framed
from assay.models.language_model import Advance, Kept
from assay.samples import Float32Array

_PROBED = (5, 12)  # tokens of two sequences that are run together
_TOLERANCE: Mapping[DType, float] = {"float32": 1e-4, "bfloat16": 0.1, "float16": 0.02}


class WholeRowModel(TokenizerEncoding):
    """A model that is given whole sequences and gives each some numbers, with its tokenizer.

    Args:
        name: folder or ``org/name``.
        revision: commit on the Hub; None for a folder.
        dtype: number format of weights and products.
        device: where it runs, such as "cpu" or "cuda:0".
        budgets: folder that keeps the tuned token budgets.
        identity: what names the model among them.
        offline: never touch the network.
        opens: opens the model; by default with all weights that its settings name.

    Raises:
        MissingExtraError: if transformers or torch is not installed.
        ModelLoadError: if it cannot be opened, or is of another kind.
    """

    kind: ClassVar[Kind]
    what: ClassVar[str]

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
        opens: Callable[[Library, Kind, DType], Any] = open_model,
    ) -> None:
        library = find_library(self.what, name, name, revision=revision, offline=offline)
        super().__init__(name, open_tokenizer(library))
        self.torch = library.torch
        self._versions = library.versions
        self._dtype = dtype
        self._device = device
        model = opens(library, self.kind, dtype)
        try:
            self.module = model.to(device).eval()
        except RuntimeError as error:
            raise ModelLoadError(f"{name} does not run on {device}: {error}") from error
        self._budget_file = budget_file(budgets, identity, dtype, device)

    @property
    @abstractmethod
    def window(self) -> int:
        """Most tokens that it can read at once."""

    @abstractmethod
    def _tried(self, members: Sequence[Framed]) -> Float32Array:
        """Return some numbers of sequences that are run together, to try how that goes."""

    def producer(self) -> Mapping[str, str]:
        """Return the versions and the device that make its numbers."""
        return {**self._versions, "device": self._device.partition(":")[0]}

    def read_rows(
        self,
        sequences: Sequence[Framed],
        run: Run,
        advance: Advance,
        kept: Kept,
        *,
        width: int,
        asked: bytes = b"",
    ) -> Float32Array:
        """Return the numbers of every sequence. Shape (n, width).

        Args:
            sequences: equal ones are run once.
            run: runs some together.
            advance: called with the number of sequences done, as they are.
            kept: what is known already, and where what is found is kept at once.
            width: numbers of a sequence.
            asked: what decides them besides the sequence.
        """
        from assay.backends.causal_forward import out_of_memory  # noqa: PLC0415  imports torch

        return read_whole(
            sequences,
            halving(run, out_of_memory),
            token_budget=lambda: self._token_budget,
            width=width,
            advance=advance,
            kept=kept,
            asked=asked,
        )

    @cached_property
    def _token_budget(self) -> int:
        """Tokens of a batch; where a row's numbers depend on what is beside it, each is alone."""
        if not self._padding_changes_nothing():
            return 1
        return tuned_budget(self._budget_file, self._device, self._seconds_per_token)

    def _seconds_per_token(self, tokens: int) -> float:
        tried = self._tried_sequences(tokens)
        return least_seconds(lambda: self._tried(tried)) / sum(len(each.ids) for each in tried)

    def _tried_sequences(self, tokens: int) -> list[Framed]:
        vocabulary = int(self.module.config.get_text_config().vocab_size)
        tried = tried_tokens(tokens, self.window, vocabulary)
        return [Framed(ids, np.zeros_like(ids)) for ids in tried]

    def _padding_changes_nothing(self) -> bool:
        """Return whether a shorter sequence has the same numbers beside a longer one and alone."""
        (tried,) = self._tried_sequences(1)
        short, long = (Framed(tried.ids[:count], tried.types[:count]) for count in _PROBED)
        alone, together = self._tried([short])[0], self._tried([long, short])[1]
        scale = max(1.0, float(np.abs(alone).max()))
        return bool(np.abs(alone - together).max() < _TOLERANCE[self._dtype] * scale)

    def padded(
        self, members: Sequence[Framed], padding: int, *, types: bool = False
    ) -> dict[str, Any]:
        """Return sequences as the model takes them, filled up to the right.

        Args:
            members: the sequences.
            padding: token that fills up.
            types: also say to which text a token belongs.
        """
        shape = (len(members), max(len(each.ids) for each in members))
        given = {
            "input_ids": np.full(shape, padding, np.int64),
            "attention_mask": np.zeros(shape, np.int64),
        }
        if types:
            given["token_type_ids"] = np.zeros(shape, np.int64)
        for row, each in enumerate(members):
            given["input_ids"][row, : len(each.ids)] = each.ids
            given["attention_mask"][row, : len(each.ids)] = 1
            if types:
                given["token_type_ids"][row, : len(each.ids)] = each.types
        return {name: self.torch.from_numpy(own).to(self._device) for name, own in given.items()}
