"""Sequence classifiers of the transformers library, reward models among them."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from assay.backends.opening import Kind, find_library, open_model, open_tokenizer
from assay.backends.token_budgets import budget_file, least_seconds, tried_tokens, tuned_budget
from assay.backends.tokenizer_encoding import TokenizerEncoding
from assay.backends.whole_rows import halving, read_whole
from assay.components.references import DType
from assay.errors import ModelLoadError
from assay.models.classifier import Framed
from assay.models.language_model import NOTHING_KEPT, Advance, Kept
from assay.samples import Flag, Float32Array

_WILL_DO = "reward models and classifiers of texts, which have a label or more, will do"
_KIND = Kind("AutoModelForSequenceClassification", "a sequence classifier", _WILL_DO)
_REWARD = "reward"
_UNLIMITED = 1 << 20
_PROBED = (5, 12)  # tokens of two sequences that are run together
_TOLERANCE: Mapping[DType, float] = {"float32": 1e-4, "bfloat16": 0.1, "float16": 0.02}


class SequenceClassifier(TokenizerEncoding):
    """A sequence classifier and its tokenizer, from a folder or the Hub.

    Args:
        name: folder or ``org/name``.
        revision: commit on the Hub; None for a folder.
        dtype: number format of weights and products.
        device: where it runs, such as "cpu" or "cuda:0".
        budgets: folder that keeps the tuned token budgets.
        identity: what names the model among them.
        offline: never touch the network.

    Raises:
        MissingExtraError: if transformers or torch is not installed.
        ModelLoadError: if it cannot be opened, or is no sequence classifier.
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
        library = find_library("the classifier", name, revision=revision, offline=offline)
        super().__init__(name, open_tokenizer(library))
        self._versions = library.versions
        self._torch = library.torch
        self._dtype = dtype
        self._device = device
        model = open_model(library, _KIND, dtype)
        try:
            self._model = model.to(device).eval()
        except RuntimeError as error:
            raise ModelLoadError(f"{name} does not run on {device}: {error}") from error
        self._budget_file = budget_file(budgets, identity, dtype, device)

    @cached_property
    def window(self) -> int:
        """Most tokens that it can read at once."""
        config = self._model.config.get_text_config()
        limits = [self.tokenizer.model_max_length, _UNLIMITED]
        positions = getattr(config, "max_position_embeddings", None)
        if positions:
            limits.append(int(positions) - self._first_position)
        return int(min(limits))

    @property
    def _first_position(self) -> int:
        """Number of the position of a first token: models of RoBERTa's kind count from 2."""
        for name, module in self._model.named_modules():
            if name.rpartition(".")[2] == "position_embeddings":
                padding = getattr(module, "padding_idx", None)
                return 0 if padding is None else int(padding) + 1
        return 0

    @cached_property
    def labels(self) -> Sequence[str]:
        """Names of its numbers; a single one is called reward."""
        count = int(self._model.config.num_labels)
        if count == 1:
            return (_REWARD,)
        named = self._model.config.id2label
        found = tuple(str(named.get(place, place)) for place in range(count))
        return found if len(set(found)) == count else tuple(map(str, range(count)))

    @property
    def has_chat(self) -> bool:
        """Whether its tokenizer brings a chat format along."""
        return bool(self.tokenizer.chat_template)

    def producer(self) -> Mapping[str, str]:
        """Return the versions and the device that make its numbers."""
        return {**self._versions, "device": self._device.partition(":")[0]}

    # What it reads

    def framed(self, text: str, most: int) -> Framed:
        """Return a text between the tokenizer's special tokens; one too long loses its end."""
        tokenizer = self.reading_plain
        found = tokenizer.encode(text, add_special_tokens=False)
        room = max(0, most - int(tokenizer.num_special_tokens_to_add(False)))
        flags = Flag.TEXT_TRUNCATED if len(found) > room else Flag.NONE
        found.truncate(room)
        return _framed(tokenizer.post_process(found, None, True), flags)

    def framed_pair(self, first: str, second: str, most: int) -> Framed:
        """Return two texts between the tokenizer's special tokens, cut where they are too long."""
        tokenizer = self.reading_plain
        one, other = (tokenizer.encode(each, add_special_tokens=False) for each in (first, second))
        room = max(0, most - int(tokenizer.num_special_tokens_to_add(True)))
        flags = Flag.NONE
        if len(one) + len(other) > room:
            kept = min(len(other), room - min(len(one), most // 4))
            if len(one) > room - kept:
                flags |= Flag.PROMPT_TRUNCATED
                one.truncate(room - kept, direction="left")
            if len(other) > kept:
                flags |= Flag.RESPONSE_TRUNCATED
                other.truncate(kept)
        return _framed(tokenizer.post_process(one, other, True), flags)

    # The model

    def classify(
        self, sequences: Sequence[Framed], advance: Advance, kept: Kept = NOTHING_KEPT
    ) -> Float32Array:
        """Return the model's own numbers, before any softmax. Shape (n, labels)."""
        from assay.backends.causal_forward import out_of_memory  # noqa: PLC0415  imports torch

        return read_whole(
            sequences,
            halving(self._run, out_of_memory),
            token_budget=lambda: self._token_budget,
            width=len(self.labels),
            advance=advance,
            kept=kept,
        )

    @cached_property
    def _token_budget(self) -> int:
        """Tokens of a batch; where a row's numbers depend on what is beside it, each is alone."""
        if not self._padding_changes_nothing():
            return 1
        return tuned_budget(self._budget_file, self._device, self._seconds_per_token)

    def _seconds_per_token(self, tokens: int) -> float:
        tried = self._tried(tokens)
        return least_seconds(lambda: self._run(tried)) / sum(len(each.ids) for each in tried)

    def _tried(self, tokens: int) -> list[Framed]:
        vocabulary = int(self._model.config.get_text_config().vocab_size)
        tried = tried_tokens(tokens, self.window, vocabulary)
        return [Framed(ids, np.zeros_like(ids)) for ids in tried]

    def _padding_changes_nothing(self) -> bool:
        """Return whether a shorter sequence has the same numbers beside a longer one and alone."""
        (tried,) = self._tried(1)
        short, long = (Framed(tried.ids[:count], tried.types[:count]) for count in _PROBED)
        alone, together = self._run([short])[0], self._run([long, short])[1]
        scale = max(1.0, float(np.abs(alone).max()))
        return bool(np.abs(alone - together).max() < _TOLERANCE[self._dtype] * scale)

    @cached_property
    def _takes_types(self) -> bool:
        """Whether it is told to which text a token belongs."""
        takes = inspect.signature(self._model.forward).parameters
        names = self.tokenizer.model_input_names
        return "token_type_ids" in takes and "token_type_ids" in names

    def _run(self, members: Sequence[Framed]) -> Float32Array:
        torch = self._torch
        shape = (len(members), max(len(each.ids) for each in members))
        with self._padding(members) as padding:
            ids = np.full(shape, padding, np.int64)
            types, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
            for row, each in enumerate(members):
                ids[row, : len(each.ids)] = each.ids
                types[row, : len(each.ids)] = each.types
                mask[row, : len(each.ids)] = 1
            given = {"input_ids": ids, "attention_mask": mask}
            if self._takes_types:
                given["token_type_ids"] = types
            tensors = {name: torch.from_numpy(own).to(self._device) for name, own in given.items()}
            with torch.inference_mode():
                logits = self._model(**tensors).logits
        return np.asarray(logits.float().cpu().numpy(), np.float32)

    @contextmanager
    def _padding(self, members: Sequence[Framed]) -> Iterator[int]:
        """Yield the token that fills up shorter sequences.

        Causal classifiers read their numbers off the last token that is not the padding token; of a
        model that has none that is the last one, so it is lent a token that stands nowhere.
        """
        config = self._model.config.get_text_config()
        own = config.pad_token_id
        if own is not None:
            yield int(own)
            return
        used = {int(token) for each in members for token in each.ids}
        config.pad_token_id = next(token for token in range(len(used) + 1) if token not in used)
        try:
            yield config.pad_token_id
        finally:
            config.pad_token_id = None


def _framed(found: Any, flags: Flag) -> Framed:
    return Framed(np.array(found.ids, np.int32), np.array(found.type_ids, np.int32), flags)
