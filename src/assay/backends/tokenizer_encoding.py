"""Tokenizers of the transformers library, as passes ask for them."""

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from assay.backends.token_text import chat_text, pieces


class TokenizerEncoding:
    """How a tokenizer of transformers turns texts and conversations into token ids.

    Args:
        name: of the model that it belongs to.
        tokenizer: as transformers opened it.
    """

    def __init__(self, name: str, tokenizer: Any) -> None:
        self.name = name
        self._tokenizer = tokenizer

    @property
    def tokenizer(self) -> Any:
        """The tokenizer, as transformers opened it."""
        return self._tokenizer

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
        tokenizer = self.reading_special if special else self.reading_plain
        found = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [each.ids for each in found]

    def encode_as_usual(self, texts: Sequence[str]) -> list[list[int]]:
        """Return what the tokenizer gives by default, with the tokens that it adds."""
        return [each.ids for each in self.reading_special.encode_batch_fast(list(texts))]

    @cached_property
    def reading_special(self) -> Any:
        """What takes texts of special tokens for these tokens; it neither pads nor cuts."""
        tokenizer = copy.deepcopy(self._tokenizer.backend_tokenizer)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    @cached_property
    def reading_plain(self) -> Any:
        """The same, but texts of special tokens are plain text to it."""
        tokenizer = copy.deepcopy(self.reading_special)
        tokenizer.encode_special_tokens = True
        return tokenizer

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Any],
        *,
        answering: bool = False,
    ) -> str:
        """Return a conversation in the model's own format, on request with an answer begun.

        Raises:
            ConfigError: if the tokenizer has no such format.
            FeatureError: if the format refuses the conversation.
        """
        return chat_text(self._tokenizer, self.name, messages, tools, answering=answering)

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
