"""The forward of ``assay:lm`` by torch, in float32 or with bfloat16 products."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from assay.backends.embedded.copying_forward import CopyingForward, Targets
from assay.backends.embedded.copying_network import CopyingNetwork, KeysValues, Shape, mixed
from assay.backends.work import NOTHING
from assay.components.references import DType
from assay.rendering.encoding import TokenIds
from assay.samples import Float32Array

_AT_ONCE = 256  # positions whose logits are held at a time: more fall out of the caches


class TorchBeginning(NamedTuple):
    """A beginning that several sequences share, run once.

    Attributes:
        states: last hidden states. Shape (1, p, width).
        past: keys and values of each layer.
    """

    states: torch.Tensor
    past: list[KeysValues]


class TorchForward(CopyingForward[TorchBeginning]):
    """The network with weights on a device.

    Args:
        shape: its sizes.
        weights: float32 parameters by name.
        words: of each token, the number of its word.
        dtype: number format of products.
        device: where it runs.
    """

    def __init__(
        self,
        shape: Shape,
        weights: Mapping[str, Float32Array],
        words: Sequence[int],
        dtype: DType,
        device: str,
    ) -> None:
        super().__init__()
        network = CopyingNetwork(shape, words)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
        self._low = None if dtype == "float32" else getattr(torch, dtype)
        network = network.to(device).eval()
        if self._low is not None:
            for module in network.modules():
                if isinstance(module, torch.nn.Linear) and module is not network.gate:
                    module.to(self._low)
        self._network, self._device = network, torch.device(device)
        output = (network.tokens.weight * network.scale).detach()
        self._output = output if self._low is None else output.to(self._low)

    @property
    def width(self) -> int:
        """Length of a hidden state."""
        return self._network.shape.width

    def _begin(self, tokens: TokenIds) -> TorchBeginning:
        with self._products():
            given = torch.from_numpy(tokens.astype(np.int64))[None].to(self._device)
            return TorchBeginning(*self._network.begin(given))

    @contextmanager
    def _products(self) -> Iterator[None]:
        """Compute in the number format of the products, and nothing for training."""
        lower = self._low is not None
        with torch.inference_mode(), torch.autocast(self._device.type, self._low, enabled=lower):
            yield

    def _score(
        self,
        tokens: NDArray[np.int64],
        begun: TorchBeginning | None,
        targets: Targets,
        statistics: bool,
    ) -> tuple[list[Float32Array], Float32Array]:
        with self._products():
            given = torch.from_numpy(tokens).to(self._device)
            return self._scored(given, self._states(given, begun), targets, statistics)

    def _states(self, tokens: torch.Tensor, begun: TorchBeginning | None) -> torch.Tensor:
        """Return the last hidden states of whole sequences. Shape (b, t, width)."""
        if begun is None:
            return self._network.states(tokens)
        own = self._network.states(tokens[:, begun.states.shape[1] :], begun.past)
        return torch.cat([begun.states.expand(len(tokens), -1, -1), own], 1)

    def _scored(
        self, tokens: torch.Tensor, states: torch.Tensor, targets: Targets, statistics: bool
    ) -> tuple[list[Float32Array], Float32Array]:
        network = self._network
        kept = states.float().cpu().numpy()
        if not len(targets.rows):
            return list(NOTHING), kept
        begin = int(targets.predictors.min())
        pointing = network.pointing(tokens, states, begin)
        sources = torch.nn.functional.pad(tokens[:, 1:], (0, 1))
        wanted = [torch.from_numpy(part).to(self._device) for part in targets]
        parts = []
        for start in range(0, len(targets.rows), _AT_ONCE):
            rows, predictors, labels = (part[start : start + _AT_ONCE] for part in wanted)
            predicting = network.predicting(states[rows, predictors])
            logits = torch.nn.functional.linear(predicting, self._output.to(predicting.dtype))
            logits = logits.float().add_(network.bias)
            total = logits.logsumexp(-1)
            generated = logits.gather(1, labels[:, None])[:, 0] - total
            weights, places = pointing[rows, predictors - begin], sources[rows]
            copied = network.copied(places, labels, weights)
            gate = network.gate(predicting.float())[:, 0].float()
            first = predictors == 0
            found = [mixed(generated, copied, gate, first)]
            if statistics:
                share = torch.where(first, 0.0, torch.sigmoid(gate))[:, None]
                everywhere = torch.exp(logits - total[:, None]) * (1 - share)
                everywhere += share * network.copied_everywhere(places, weights)
                found += _statistics(everywhere, labels)
            parts.append(found)
        joined = [torch.cat(column).cpu().numpy() for column in zip(*parts, strict=True)]
        return joined + list(NOTHING[len(joined) :]), kept


def _statistics(probabilities: torch.Tensor, labels: torch.Tensor) -> list[torch.Tensor]:
    """Return entropy, top probability, rank of the labels and lead. Shape (n,) each."""
    own = probabilities.gather(1, labels[:, None])
    entropy = -(probabilities * probabilities.clamp(min=1e-30).log()).sum(-1)
    first, second = probabilities.topk(2).values.clamp(min=1e-30).log().unbind(-1)
    rank = 1.0 + (probabilities > own).sum(-1).float()
    return [entropy, probabilities.amax(-1), rank, first - second]
