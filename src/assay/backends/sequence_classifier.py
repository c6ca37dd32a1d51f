"""Sequence classifiers of the transformers library, reward models among them."""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np

from assay.backends.opening import UNLIMITED, Kind
from assay.backends.whole_row_model import WholeRowModel
from assay.models.classifier import Framed, TrainedOn
from assay.models.language_model import NOTHING_KEPT, Advance, Kept
from assay.samples import Flag, Float32Array

_WILL_DO = "reward models and classifiers of texts, which have a label or more, will do"
_KIND = Kind("AutoModelForSequenceClassification", "a sequence classifier", _WILL_DO)
_REWARD = "reward"
OURS = "assay"
"""Setting of a model that was trained here: how rows were read, and the scale of its numbers."""


class SequenceClassifier(WholeRowModel):
    """A sequence classifier and its tokenizer; see `WholeRowModel`."""

    kind = _KIND
    what = "the classifier"

    @cached_property
    def window(self) -> int:
        """Most tokens that it can read at once."""
        config = self.module.config.get_text_config()
        limits = [self.tokenizer.model_max_length, UNLIMITED]
        positions = getattr(config, "max_position_embeddings", None)
        if positions:
            limits.append(int(positions) - self._first_position)
        return int(min(limits))

    @property
    def _first_position(self) -> int:
        """Number of the position of a first token: models of RoBERTa's kind count from 2."""
        for name, module in self.module.named_modules():
            if name.rpartition(".")[2] == "position_embeddings":
                padding = getattr(module, "padding_idx", None)
                return 0 if padding is None else int(padding) + 1
        return 0

    @cached_property
    def labels(self) -> Sequence[str]:
        """Names of its numbers; a single one is called reward."""
        count = int(self.module.config.num_labels)
        if count == 1:
            return (_REWARD,)
        named = self.module.config.id2label
        found = tuple(str(named.get(place, place)) for place in range(count))
        return found if len(set(found)) == count else tuple(map(str, range(count)))

    @property
    def has_chat(self) -> bool:
        """Whether its tokenizer brings a chat format along."""
        return bool(self.tokenizer.chat_template)

    @cached_property
    def trained_on(self) -> TrainedOn | None:
        """How the rows were read that it was trained on; None if it was trained elsewhere."""
        ours = getattr(self.module.config, OURS, None)
        return None if ours is None else TrainedOn(*(ours[name] for name in TrainedOn._fields))

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
        """Return the model's own numbers, before any softmax. Shape (n, labels).

        Of a model that was trained here on numbers they are on the scale of these.
        """
        return self.read_rows(sequences, self._run, advance, kept, width=len(self.labels))

    def _tried(self, members: Sequence[Framed]) -> Float32Array:
        return self._run(members)

    @cached_property
    def _takes_types(self) -> bool:
        """Whether it is told to which text a token belongs."""
        takes = inspect.signature(self.module.forward).parameters
        names = self.tokenizer.model_input_names
        return "token_type_ids" in takes and "token_type_ids" in names

    @contextmanager
    def given(self, members: Sequence[Framed]) -> Iterator[dict[str, Any]]:
        """Yield sequences as the model takes them, which it is to be called with meanwhile."""
        with self._padding(members) as padding:
            yield self.padded(members, padding, types=self._takes_types)

    def _run(self, members: Sequence[Framed]) -> Float32Array:
        with self.given(members) as given, self.torch.inference_mode():
            logits = self.module(**given).logits.double() * self._scale[1] + self._scale[0]
        return np.asarray(logits.cpu().numpy(), np.float32)

    @cached_property
    def _scale(self) -> tuple[float, float]:
        """Mean and deviation of the numbers that it was trained on here; of others 0 and 1."""
        ours = getattr(self.module.config, OURS, None) or {"mean": 0.0, "deviation": 1.0}
        return float(ours["mean"]), float(ours["deviation"])

    @contextmanager
    def _padding(self, members: Sequence[Framed]) -> Iterator[int]:
        """Yield the token that fills up shorter sequences.

        Causal classifiers read their numbers off the last token that is not the padding token; of a
        model that has none that is the last one, so it is lent a token that stands nowhere.
        """
        config = self.module.config.get_text_config()
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
