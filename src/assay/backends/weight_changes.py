"""Whether a training has made another model than the one that it began with."""

from typing import Any

import torch
from peft.tuners.lora import LoraLayer


class Beginning:
    """Weights as they are before a training, to be compared with those after it.

    Of weights that are trained themselves it keeps a number per tensor, no copy.

    Args:
        model: that is trained; with an adapter of PEFT's, the adapter is what is trained.
        full: whether all weights are trained, and no adapter.
    """

    def __init__(self, model: Any, *, full: bool) -> None:
        self._model, self._full = model, full
        self._sums = _sums(model) if full else []

    def is_left(self) -> bool:
        """Return whether the model, an adapter merged into it, is another one by now."""
        return _sums(self._model) != self._sums if self._full else _adapter_counts(self._model)


def _sums(model: Any) -> list[int]:
    """Return the sum of the bits, as whole numbers, of every float32 tensor that is trained."""
    trained = [each.detach() for each in model.parameters() if each.requires_grad]
    return [int(each.view(torch.int32).sum(dtype=torch.int64)) for each in trained]


def _adapter_counts(model: Any) -> bool:
    for layer in model.modules():
        if not isinstance(layer, LoraLayer):
            continue
        weight = layer.get_base_layer().weight.detach()
        for name in layer.active_adapters:
            merged = weight + layer.get_delta_weight(name).detach().to(weight.dtype)
            if not torch.equal(merged, weight):
                return True
    return False
