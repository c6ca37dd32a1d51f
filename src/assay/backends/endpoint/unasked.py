"""A model behind HTTP that is not asked: what would be sent to it is counted.

Rows become requests as they do when they are sent. Its tokens are those of the tokenizer that the
address names, if that is on this machine; else every four bytes of a text count as one. What only
the server knows is not guessed: how much it reads at once where the address does not say so, and
whether it takes several texts in one request.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from assay.backends.endpoint.endpoint_address import Address, parse_address
from assay.backends.endpoint.http_generation import bodies, key_of_body, route_of
from assay.backends.endpoint.http_plan import PROMPTS, batches, plan_of
from assay.backends.endpoint.http_tokens import (
    MOST_TOKENS,
    EncodingModel,
    LocalTokens,
    lacking_format,
)
from assay.components.decoding import Decoding
from assay.errors import AssayError, ModelLoadError
from assay.models.generation import Chat, Prompts
from assay.models.language_model import Questions
from assay.models.service import Price
from assay.rendering.encoding import TextEncoding

_BYTES = 4


def open_unasked(pinned: str) -> "UnaskedModel":
    """Return the model at an address as one that is never asked."""
    address = parse_address(pinned)
    return UnaskedModel(address, _tokens_at_hand(address))


def _tokens_at_hand(address: Address) -> LocalTokens | None:
    """Return the tokenizer that an address names, if it is here."""
    if not address.tokenizer:
        return None
    try:
        return LocalTokens(address.tokenizer, offline=True)
    except ModelLoadError:
        return None


class UnaskedModel(EncodingModel):
    """Tells what a model behind HTTP would be asked.

    Args:
        address: where it would answer.
        tokens: its tokenizer, if that is at hand.
    """

    takes_chats = True

    def __init__(self, address: Address, tokens: LocalTokens | None) -> None:
        self._address = address
        self._local = tokens
        self.window = address.window or MOST_TOKENS
        # Where the server alone knows its window, it may cut what is not cut here.
        self._counted = tokens is not None and address.window > 0

    @cached_property
    def _tokens(self) -> TextEncoding:
        return EstimatedTokens(self._address) if self._local is None else self._local

    def price_of_questions(self, questions: Questions) -> Price:
        """Return what is sent to read the log-probabilities: each different sequence once."""
        sequences = plan_of(questions).sequences
        together = batches(sequences, range(len(sequences)), PROMPTS)
        return Price(
            len(together),
            len(sequences),
            sum(map(len, sequences)),
            len(sequences),  # servers insist on making a token
            self._counted,
            self._counted,
        )

    def price_of_prompts(self, prompts: Prompts, decoding: Decoding) -> Price:
        """Return what is sent to have replies written: each different prompt once."""
        route, made = route_of(prompts), bodies(prompts, decoding)
        places = list({key_of_body(route, body): at for at, body in enumerate(made)}.values())
        limits = [int(prompts.most[at]) for at in places]
        if prompts.chats:
            sizes = [self._chat_size(prompts.chats[at]) for at in places]
            counted = all(exact for _, exact in sizes)
            sent = sum(size for size, _ in sizes)
            return Price(len(places), len(places), sent, sum(limits), counted=counted)
        if not self._counted:  # a prompt that is shorter than it seems leaves more room
            limits = [decoding.max_new_tokens] * len(places)
        sent = sum(len(prompts.sequences[at]) for at in places)
        return Price(
            len(places), len(places), sent, sum(limits), self._counted, self._counted
        )  # fmt: skip

    def _chat_size(self, chat: Chat) -> tuple[int, bool]:
        """Return the tokens of a conversation, and whether they are counted."""
        if self._local is not None:
            try:
                text = self._local.chat(chat.messages, chat.tools, answering=True)
            except AssayError:  # the server has a format of its own
                pass
            else:
                return len(self._local.encode([text], special=True)[0]), True
        whole = json.dumps([chat.messages, chat.tools], ensure_ascii=False)
        return -(-len(whole.encode()) // _BYTES), False


class EstimatedTokens:
    """A token for every four bytes of UTF-8, begun or full, as `assay:estimate` counts them.

    Args:
        address: of the model whose tokenizer is not at hand.
    """

    bos: int | None = 0
    eos: int | None = 0
    window = 0
    special_texts: Sequence[str] = ()

    def __init__(self, address: Address) -> None:
        self._address = address

    def encode(self, texts: Sequence[str], *, special: bool = False) -> list[list[int]]:
        """Return a number for every four bytes of each text: different texts have others."""
        return [_groups(text.encode()) for text in texts]

    def encode_as_usual(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the same behind the token that begins a text."""
        return [[0, *ids] for ids in self.encode(texts)]

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Any],
        *,
        answering: bool = False,
    ) -> str:
        """Return the texts alone, where the format is with a tokenizer that is not here yet.

        Raises:
            ConfigError: if no tokenizer is named: then the format is on the server alone.
        """
        if not self._address.tokenizer:
            raise lacking_format(self._address)
        return "\n".join(str(message.get("content") or "") for message in messages)


def _groups(text: bytes) -> list[int]:
    filled = text + b"\0" * (-len(text) % _BYTES)
    found: list[int] = (np.frombuffer(filled, "<u4") & 0x7FFFFFFF).tolist()
    return found
