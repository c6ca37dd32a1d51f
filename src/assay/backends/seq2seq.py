"""Text-to-text models of the transformers library, such as T5."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from assay.backends.opening import UNLIMITED, Kind
from assay.backends.whole_row_model import WholeRowModel
from assay.errors import ModelLoadError
from assay.models.classifier import Framed
from assay.models.language_model import NOTHING_KEPT, Advance, Kept
from assay.rendering.encoding import TokenIds
from assay.samples import Float32Array, IndexArray

_WILL_DO = "models of T5's kind, which read a text and then write another, will do"
_KIND = Kind("AutoModelForSeq2SeqLM", "a text-to-text model", _WILL_DO)
_TRIED = np.arange(8)


class TextToTextModel(WholeRowModel):
    """A text-to-text model and its tokenizer; see `WholeRowModel`."""

    kind = _KIND
    what = "the text-to-text model"

    @cached_property
    def window(self) -> int:
        """Most tokens that it can read at once; those with positions by distance have no limit."""
        return int(getattr(self.module.config, "max_position_embeddings", None) or UNLIMITED)

    def first_tokens(
        self,
        sequences: Sequence[TokenIds],
        tokens: IndexArray,
        advance: Advance,
        kept: Kept = NOTHING_KEPT,
    ) -> Float32Array:
        """Return the log-probabilities of some tokens as the first one it writes. Shape (n, k)."""
        framed = [Framed(ids, np.zeros_like(ids)) for ids in sequences]
        return self.read_rows(
            framed,
            lambda members: self._run(members, tokens),
            advance,
            kept,
            width=len(tokens),
            asked=tokens.tobytes(),
        )

    def _tried(self, members: Sequence[Framed]) -> Float32Array:
        return self._run(members, _TRIED)

    @cached_property
    def _start(self) -> int:
        """Token that the decoder begins with."""
        for settings in (self.module.config, self.module.generation_config):
            found = getattr(settings, "decoder_start_token_id", None)
            if found is not None:
                return int(found)
        raise ModelLoadError(
            f"{self.name} does not say which token its decoder begins with",
            hint="write decoder_start_token_id into its config.json",
        )

    def _run(self, members: Sequence[Framed], tokens: IndexArray) -> Float32Array:
        torch = self.torch
        padding = self.module.config.pad_token_id
        given = self.padded(members, 0 if padding is None else int(padding))
        start = torch.full((len(members), 1), self._start, device=self._device)
        with torch.inference_mode():
            logits = self.module(**given, decoder_input_ids=start, use_cache=False).logits[:, 0]
            wanted = torch.from_numpy(tokens).to(self._device)
            chosen = torch.log_softmax(logits.float(), -1)[:, wanted]
        return np.asarray(chosen.cpu().numpy(), np.float32)
