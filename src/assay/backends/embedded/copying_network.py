"""The network behind ``assay:lm``, in torch: a small transformer that may copy from its context.

The next token is predicted by a mixture of two distributions: that of a causal transformer in the
layout of BERT (post-norm, learned positions, GELU by tanh), and that of a pointer to the tokens
read so far (Merity et al., Pointer Sentinel Mixture Models, arXiv 1609.07843). The pointer looks
for places that were preceded by the same words, so that it is also the back-off cache of older
language models, and may copy a word in another spelling: with a capital, or without a space.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

from assay.backends.embedded.copying_arrays import LONGEST_MATCH


@dataclass(frozen=True)
class Shape:
    """The sizes of the network."""

    vocabulary: int
    width: int = 384
    layers: int = 4
    heads: int = 12
    inner: int = 1536
    window: int = 512
    pointer: int = 64


class KeysValues(NamedTuple):
    """What a layer attends to. Shape (b, heads, t, width / heads) each."""

    keys: torch.Tensor
    values: torch.Tensor


class Block(nn.Module):  # type: ignore[misc]
    """Causal self-attention and a feed-forward layer, each followed by its norm."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._heads = shape.heads
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.out = nn.Linear(shape.width, shape.width)
        self.norm_1 = nn.LayerNorm(shape.width, 1e-12)
        self.up = nn.Linear(shape.width, shape.inner)
        self.down = nn.Linear(shape.inner, shape.width)
        self.norm_2 = nn.LayerNorm(shape.width, 1e-12)

    def forward(self, states: torch.Tensor, past: KeysValues | None = None) -> torch.Tensor:
        """Return the states after this block. Shape (b, t, width) both.

        Args:
            states: before it.
            past: of what all rows begin with, if that is not among the states.
        """
        rows, length, width = states.shape
        query, key, value = self._projected(states)
        mask = None
        if past is not None:
            before = past.keys.shape[2]
            key = torch.cat([past.keys.expand(rows, -1, -1, -1), key], 2)
            value = torch.cat([past.values.expand(rows, -1, -1, -1), value], 2)
            seen = torch.ones(length, before + length, dtype=torch.bool, device=states.device)
            mask = seen.tril(before)
        read = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, is_causal=mask is None
        )
        states = self.norm_1(states + self.out(read.transpose(1, 2).reshape(rows, length, width)))
        inner = functional.gelu(self.up(states), approximate="tanh")
        return self.norm_2(states + self.down(inner))

    def keys_values(self, states: torch.Tensor) -> KeysValues:
        """Return what later positions attend to. States (b, t, width)."""
        return KeysValues(*self._projected(states)[1:])

    def _projected(self, states: torch.Tensor) -> list[torch.Tensor]:
        """Return query, key and value. Shape (b, heads, t, width / heads) each."""
        rows, length, width = states.shape
        size = width // self._heads
        parts = self.qkv(states).chunk(3, -1)
        return [part.view(rows, length, self._heads, size).transpose(1, 2) for part in parts]


class CopyingNetwork(nn.Module):  # type: ignore[misc]
    """The whole network.

    Args:
        shape: its sizes.
        words: of each token, the number of its word: tokens that are one word in different
            spellings share it. Shape (vocabulary,).
    """

    words: torch.Tensor
    spellings: torch.Tensor

    def __init__(self, shape: Shape, words: Sequence[int]) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.positions = nn.Embedding(shape.window, shape.width)
        self.norm = nn.LayerNorm(shape.width, 1e-12)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.head = nn.Linear(shape.width, shape.width)
        self.head_norm = nn.LayerNorm(shape.width, 1e-5)
        self.bias = nn.Parameter(torch.zeros(shape.vocabulary))
        self.scale = nn.Parameter(torch.tensor(0.15))
        self.query = nn.Linear(shape.width, shape.pointer, bias=False)
        self.key = nn.Linear(2 * shape.width, shape.pointer, bias=False)
        self.match = nn.Parameter(torch.arange(LONGEST_MATCH + 1.0))
        self.gate = nn.Linear(shape.width, 1)
        self.respell = nn.Parameter(torch.tensor(-2.0))
        numbers = torch.as_tensor(words, dtype=torch.long)
        self.register_buffer("words", numbers, persistent=False)
        counts = torch.bincount(numbers)[numbers].float()
        self.register_buffer("spellings", counts, persistent=False)

    def states(
        self, tokens: torch.Tensor, past: Sequence[KeysValues] | None = None
    ) -> torch.Tensor:
        """Return the last hidden states. Shape (b, t, width).

        Args:
            tokens: shape (b, t).
            past: of each layer, of what all rows begin with and `tokens` does not hold.
        """
        before = 0 if past is None else past[0].keys.shape[2]
        states = self._embedded(tokens, before)
        for place, block in enumerate(self.blocks):
            states = block(states, None if past is None else past[place])
        return states

    def begin(self, tokens: torch.Tensor) -> tuple[torch.Tensor, list[KeysValues]]:
        """Return the last hidden states of a beginning, and each layer's keys and values.

        Args:
            tokens: shape (1, p).
        """
        states, past = self._embedded(tokens, 0), []
        for block in self.blocks:
            past.append(block.keys_values(states))
            states = block(states)
        return states, past

    def _embedded(self, tokens: torch.Tensor, before: int) -> torch.Tensor:
        positions = self.positions.weight[before : before + tokens.shape[1]]
        return self.norm(self.tokens(tokens) + positions)

    def predicting(self, states: torch.Tensor) -> torch.Tensor:
        """Return what the output layer and the gate read. Shape (..., width) both."""
        turned = functional.gelu(self.head(states), approximate="tanh")
        return self.head_norm(turned + states)

    def logits(self, predicting: torch.Tensor) -> torch.Tensor:
        """Return the transformer's logits. Shape (..., vocabulary), float32."""
        weight = (self.tokens.weight * self.scale).to(predicting.dtype)
        return functional.linear(predicting, weight).float() + self.bias.float()

    def pointing(self, tokens: torch.Tensor, states: torch.Tensor, start: int = 0) -> torch.Tensor:
        """Return how much positions from `start` on copy from each place. (b, t - start, t).

        Place i stands for the token at i + 1, so that position t may point to places below t.
        Float32.
        """
        length = tokens.shape[1]
        following = functional.pad(self.tokens(tokens)[:, 1:], (0, 0, 0, 1))
        following = functional.layer_norm(following, (self.shape.width,))
        keys = self.key(torch.cat([states, following], -1))
        scores = (self.query(states[:, start:]) @ keys.transpose(1, 2)).float()
        scores = scores / math.sqrt(self.shape.pointer) + self._matches(tokens)[:, start:]
        earlier = torch.ones(length, length, dtype=torch.bool, device=tokens.device).tril(-1)
        earlier = earlier[start:]
        return torch.softmax(scores.masked_fill(~earlier, -1e9), -1) * earlier

    def _matches(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the learned bonus for the words in common before two positions. (b, t, t)."""
        words = self.words[tokens]
        same = words[:, :, None] == words[:, None, :]
        bonus = self.match[0] + same * (self.match[1] - self.match[0])
        running = same
        for length in range(2, LONGEST_MATCH + 1):
            running = functional.pad(running[:, :-1, :-1], (1, 0, 1, 0)) & same
            bonus = bonus + running * (self.match[length] - self.match[length - 1])
        return bonus

    def copied(
        self, sources: torch.Tensor, labels: torch.Tensor, pointing: torch.Tensor
    ) -> torch.Tensor:
        """Return the pointer's probability of each label. Shape (...), float32.

        Args:
            sources: the token that each place stands for. Shape (..., t).
            labels: shape (...).
            pointing: shape (..., t).
        """
        several, others = self._respelling()
        exact = labels[..., None] == sources
        same = self.words[labels][..., None] == self.words[sources]
        other = same * (several / others)[sources]
        return (pointing * torch.where(exact, 1 - several[sources], other)).sum(-1)

    def copied_everywhere(self, sources: torch.Tensor, pointing: torch.Tensor) -> torch.Tensor:
        """Return the pointer's probability of every token. Shapes (n, t) and (n, vocabulary)."""
        several, others = self._respelling()
        nothing = torch.zeros(len(sources), self.shape.vocabulary, device=sources.device)
        exact = nothing.scatter_add(1, sources, pointing)
        shared = exact * (several / others)
        words = self.words.expand(len(sources), -1)
        by_word = nothing.scatter_add(1, words, shared).gather(1, words)
        return exact * (1 - several) + by_word - shared

    def _respelling(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the chance of each token to be copied in another spelling, and how many it has."""
        several = (self.spellings > 1) * torch.sigmoid(self.respell)
        return several, (self.spellings - 1).clamp(min=1)

    def forward(self, tokens: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the log-probability of each label given the tokens up to it. Shape (b, t)."""
        return self.scored(tokens, labels)[0]

    def scored(
        self, tokens: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the log-probability of each label, and the transformer's. Shape (b, t) each."""
        states = self.states(tokens)
        predicting = self.predicting(states)
        logits = self.logits(predicting)
        of_label = logits.gather(-1, labels[..., None])[..., 0]
        generated = of_label - logits.logsumexp(-1)
        sources = functional.pad(tokens[:, 1:], (0, 1))[:, None].expand(-1, tokens.shape[1], -1)
        copied = self.copied(sources, labels, self.pointing(tokens, states))
        first = torch.zeros_like(tokens, dtype=torch.bool)
        first[:, 0] = True
        both = mixed(generated, copied, self.gate(predicting)[..., 0].float(), first)
        return both, generated


def mixed(
    generated: torch.Tensor, copied: torch.Tensor, gate: torch.Tensor, first: torch.Tensor
) -> torch.Tensor:
    """Return the mixture's log-probability. Shape (...) all.

    Args:
        generated: the transformer's log-probability.
        copied: the pointer's probability.
        gate: log-odds of copying.
        first: where there is nothing to copy from.
    """
    gate = gate - first * 60.0
    return torch.logaddexp(
        generated + functional.logsigmoid(-gate),
        torch.log(copied + 1e-9) + functional.logsigmoid(gate),
    )
