"""From hidden states to log-probabilities, a block of the vocabulary at a time.

All logits of a batch are a large matrix that is read several times over. A block of positions and
of the vocabulary stays in the processor's cache; what is kept of it are running sums.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.nn import functional

_POSITIONS = {"cpu": 1024, "cuda": 8192}
_VOCABULARY = {"cpu": 4096, "cuda": 16384}


def positions_at_once(device: str) -> int:
    """Return how many positions are looked at together on a kind of device."""
    return _POSITIONS.get(device, 1024)


class OutputLayer:
    """The layer from hidden states to logits, in blocks of the vocabulary.

    In a lower number format the logits of a real model lie far from zero, all on one side, and
    are rounded coarsely. The mean row of the weights adds the same to every logit of a position,
    which no probability depends on; without it they lie around zero. The logit of the true token
    is computed in float32.

    Args:
        head: a linear layer, with or without bias.
    """

    def __init__(self, head: Any) -> None:
        self._exact = head.weight.dtype == torch.float32
        self._weight = head.weight.detach()
        self._bias = None if head.bias is None else head.bias.detach()
        if not self._exact:
            with torch.no_grad():
                mean = self._weight.float().mean(dim=0, keepdim=True)
                self._weight = (self._weight.float() - mean).to(head.weight.dtype)
        self._block = _VOCABULARY.get(self._weight.device.type, 8192)

    def blocks(self, states: torch.Tensor) -> Iterator[torch.Tensor]:
        """Yield logits up to a constant per position. Shape (s, block) each, float32."""
        for start in range(0, len(self._weight), self._block):
            part = slice(start, start + self._block)
            bias = None if self._bias is None else self._bias[part]
            yield functional.linear(states, self._weight[part], bias).float()

    def choose(self, states: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Return the log-probabilities of some tokens, the same ones for all states. Shape (s, k).

        Args:
            states: shape (s, d).
            tokens: shape (k,).
        """
        parts = [block.logsumexp(dim=1) for block in self.blocks(states)]
        own = functional.linear(states.float(), self._weight[tokens].float())
        if self._bias is not None:
            own = own + self._bias[tokens].float()
        return own - torch.stack(parts).logsumexp(dim=0)[:, None]

    def describe(
        self, states: torch.Tensor, labels: torch.Tensor, statistics: bool
    ) -> list[torch.Tensor]:
        """Return what `described` does for some hidden states.

        Args:
            states: shape (s, d).
            labels: the tokens that came. Shape (s,).
            statistics: also entropy, top probability, rank and lead.
        """
        true = None
        if statistics or not self._exact:
            true = (states.float() * self._weight[labels].float()).sum(-1)
            if self._bias is not None:
                true = true + self._bias[labels].float()
        return described(self.blocks(states), labels, true, statistics, exact=self._exact)


def described(
    blocks: Iterable[torch.Tensor],
    labels: torch.Tensor,
    true: torch.Tensor | None,
    statistics: bool,
    *,
    exact: bool = True,
) -> list[torch.Tensor]:
    """Return the labels' log-probabilities and, if wanted, entropy, top probability, rank and lead.

    The lead is how far the largest logit lies above the next one.

    Args:
        blocks: logits, the vocabulary cut into blocks. Shape (s, block) each, float32.
        labels: the tokens that came. Shape (s,).
        true: their logits. Shape (s,), float32; may be None where neither needs them.
        statistics: also describe the distributions, for which `true` is needed.
        exact: whether the blocks hold the labels' logits as well as `true` does; then these count.

    Returns:
        Shape (s,) each.
    """
    running = _Running(labels, true)
    for block in blocks:
        running.add(block, statistics)
    return running.result(statistics, exact)


class _Running:
    """Sums over the vocabulary so far, relative to the largest logit so far."""

    def __init__(self, labels: torch.Tensor, true: torch.Tensor | None) -> None:
        nothing = torch.zeros(labels.shape, device=labels.device)
        self._labels = labels
        self._true = nothing if true is None else true
        self._start = 0
        self._largest = torch.full_like(nothing, -torch.inf)
        self._second = self._largest
        self._total, self._weighted = nothing.clone(), nothing.clone()
        self._above = torch.zeros_like(labels)
        # A label beyond the vocabulary stays NaN: it must not pass for a logit of zero.
        self._among = torch.full_like(nothing, torch.nan)

    def add(self, block: torch.Tensor, statistics: bool) -> None:
        width = block.shape[1]
        inside = (self._labels >= self._start) & (self._labels < self._start + width)
        place = (self._labels - self._start).clamp(0, width - 1)[:, None]
        self._start += width
        own = block.gather(1, place)[:, 0]
        self._among = torch.where(inside, own, self._among)
        if statistics:
            top, best = block.max(dim=1, keepdim=True)
            # The second of all is the smaller of the two largest, or the second of a block.
            second = torch.maximum(self._second, _without(block, best, top))
            top = top[:, 0]
            self._second = torch.maximum(second, torch.minimum(self._largest, top))
        else:
            top = block.amax(dim=1)
        largest = torch.maximum(self._largest, top)
        shrink = torch.exp(self._largest - largest)
        self._largest = largest
        if statistics:
            # The label is not above itself, whatever its logit was rounded to here.
            above = (block > self._true[:, None]).sum(dim=1)
            self._above += above - (inside & (own > self._true)).long()
            shares = torch.exp(block - largest[:, None])
            self._weighted = self._weighted * shrink + (shares * block).sum(dim=1)
        else:
            shares = block.sub_(largest[:, None]).exp_()
        self._total = self._total * shrink + shares.sum(dim=1)

    def result(self, statistics: bool, exact: bool) -> list[torch.Tensor]:
        logarithm = self._largest + torch.log(self._total)
        log_probs = (self._among if exact else self._true) - logarithm
        if not statistics:
            return [log_probs]
        entropy = logarithm - self._weighted / self._total
        top = torch.exp(self._largest - logarithm)
        return [log_probs, entropy, top, 1.0 + self._above.float(), self._largest - self._second]


def _without(block: torch.Tensor, place: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Return the largest of each row but the one at a place, which holds a value."""
    block.scatter_(1, place, -torch.inf)
    second = block.amax(dim=1)
    block.scatter_(1, place, value)
    return second
