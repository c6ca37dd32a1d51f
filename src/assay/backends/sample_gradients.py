"""Exact gradients of single samples, by torch: of some together where layers are linear.

The weight of a linear layer has as its gradient the sum over tokens of the outer products of what
comes in and of how the loss changes with what goes out. Both are known per sample after one
backward pass of a batch. Where other parameters are asked for, every sample has a pass of its own.
"""

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from assay.backends.causal_forward import out_of_memory
from assay.backends.causal_lm import TransformersModel
from assay.backends.weights import attach_adapter
from assay.backends.whole_rows import halving, read_whole
from assay.errors import ConfigError, ModelLoadError, Parameter
from assay.models.classifier import Framed
from assay.models.gradients import Losses, Reducer, SampleGradients
from assay.models.language_model import NOTHING_KEPT, Advance, Kept
from assay.samples import Float32Array

if TYPE_CHECKING:
    from assay.rendering.encoding import TextEncoding

_TOKENS: Mapping[str, int] = {"cpu": 1024, "cuda": 16384}
_ROOM = 2**30
"""Bytes that the gradients of the samples of a batch may take."""
_SHOWN = 3


class _Owner(NamedTuple):
    """A linear layer that a parameter belongs to, and what it is there."""

    layer: Any
    is_bias: bool


class ExactGradients:
    """A causal model, and the parameters that it is differentiated by.

    Args:
        model: opened, and not yet put on a device.
        parameters: patterns of names, such as "*lora_*", or "*" for all.
        device: where it runs.
        adapter: folder of an adapter that is put beside the weights, if one is.

    Raises:
        ConfigError: if a pattern fits no parameter.
        MissingExtraError: if there is an adapter, and PEFT is not installed.
        ModelLoadError: if the adapter does not fit, or it does not run there.
    """

    def __init__(
        self,
        model: TransformersModel,
        parameters: Sequence[str],
        device: str,
        *,
        adapter: Path | None = None,
    ) -> None:
        self._model = model
        self._device = device
        module = model.module if adapter is None else attach_adapter(model.module, adapter)
        try:
            self._module = module.to(device).eval()
        except RuntimeError as error:
            raise ModelLoadError(f"{model.name} does not run on {device}: {error}") from error
        named = dict(self._module.named_parameters())
        for pattern in parameters:
            if not fnmatch.filter(named, pattern):
                shown = ", ".join(list(named)[:_SHOWN])
                raise ConfigError(
                    f"{model.name} has no parameter {pattern!r}; it has {shown}, ...",
                    hint=Parameter("parameters", "*"),
                )
        self._asked = {
            name: own
            for name, own in named.items()
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in parameters)
        }

    @property
    def encoding(self) -> "TextEncoding":
        """Its tokenizer."""
        return self._model

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Names and shapes of the parameters, in the model's own order."""
        return {name: tuple(own.shape) for name, own in self._asked.items()}

    def producer(self) -> Mapping[str, str]:
        """Return the versions and the device that make its numbers."""
        return {**self._model.producer(), "device": self._device.partition(":")[0]}

    def gradients(
        self, losses: Losses, reduce: Reducer, advance: Advance, kept: Kept = NOTHING_KEPT
    ) -> SampleGradients:
        """Return what is kept of the gradient of each sequence's own loss."""
        framed = []
        for ids, targets in zip(losses.sequences, losses.targets, strict=True):
            marks = np.zeros_like(ids)
            marks[targets] = 1
            framed.append(Framed(ids, marks))
        found = read_whole(
            framed,
            halving(lambda members: self._run(members, reduce), out_of_memory),
            token_budget=lambda: _TOKENS.get(self._device.partition(":")[0], _TOKENS["cpu"]),
            width=2 + reduce.width,
            advance=advance,
            kept=kept,
            asked=repr(list(self._asked)).encode() + reduce.key,
        )
        return SampleGradients(found[:, 0], found[:, 1], found[:, 2:])

    def _run(self, members: Sequence[Framed], reduce: Reducer) -> Float32Array:
        size = 4 * sum(own.numel() for own in self._asked.values())
        together = max(1, int(_ROOM / size)) if self._owners else 1
        rows = [
            row
            for start in range(0, len(members), together)
            for row in self._batch(members[start : start + together], reduce)
        ]
        return np.stack(rows)

    def _batch(self, members: Sequence[Framed], reduce: Reducer) -> Iterator[Float32Array]:
        losses, gradients = self._of_layers(members) if self._owners else self._of_one(members[0])
        for row, loss in enumerate(losses.tolist()):
            own = {name: each[row] for name, each in gradients.items()}
            norm = torch.stack([each.double().square().sum() for each in own.values()]).sum().sqrt()
            reduced = torch.as_tensor(reduce(own)).float().cpu().numpy()
            yield np.concatenate([[loss, float(norm)], reduced]).astype(np.float32)

    def _losses(self, members: Sequence[Framed]) -> torch.Tensor:
        """Return each sequence's mean loss. Shape (b,)."""
        ids = np.zeros((len(members), max(len(each.ids) for each in members)), np.int64)
        marks = np.zeros(ids.shape, np.bool_)
        # Padding stands to the right, where a causal model looks from no token that counts.
        for row, each in enumerate(members):
            ids[row, : len(each.ids)] = each.ids
            marks[row, : len(each.ids)] = each.types != 0
        tokens = torch.from_numpy(ids).to(self._device)
        wanted = torch.from_numpy(marks[:, 1:]).to(self._device)
        logits = self._module(input_ids=tokens, use_cache=False).logits[:, :-1]
        table = torch.log_softmax(logits[wanted].float(), -1)
        values = table.gather(1, tokens[:, 1:][wanted][:, None])[:, 0]
        rows = wanted.nonzero()[:, 0]
        sums = torch.zeros(len(members), device=values.device).index_add(0, rows, -values)
        return sums / wanted.sum(1)

    # A pass for every sample

    def _of_one(self, member: Framed) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        with self._differentiable(self._asked.values()):
            losses = self._losses([member])
            found = torch.autograd.grad(losses.sum(), list(self._asked.values()), allow_unused=True)
        gradients = {
            name: (torch.zeros_like(own) if each is None else each).float()[None]
            for (name, own), each in zip(self._asked.items(), found, strict=True)
        }
        return losses.detach(), gradients

    # A pass for some samples

    @cached_property
    def _owners(self) -> Mapping[str, list[_Owner]]:
        """Linear layers that each parameter belongs to; empty if one belongs to another kind."""
        names = {id(own): name for name, own in self._asked.items()}
        owners: dict[str, list[_Owner]] = {name: [] for name in self._asked}
        for layer in self._module.modules():
            for kind, own in layer.named_parameters(recurse=False):
                name = names.get(id(own))
                if name is None:
                    continue
                if not _is_linear(layer):
                    return {}
                owners[name].append(_Owner(layer, kind == "bias"))
        return owners

    def _of_layers(self, members: Sequence[Framed]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        gradients: dict[str, torch.Tensor] = {}
        handles = [self._module.get_input_embeddings().register_forward_hook(_begin)]
        for name, owners in self._owners.items():
            shape = (len(members), *self._asked[name].shape)
            gradients[name] = torch.zeros(shape, device=self._device)
            for owner in owners:
                watch = _watching(owner, gradients[name])
                handles.append(owner.layer.register_forward_hook(watch))
        try:
            with self._differentiable(()):
                losses = self._losses(members)
                losses.sum().backward()
        finally:
            for handle in handles:
                handle.remove()
        return losses.detach(), gradients

    @contextmanager
    def _differentiable(self, parameters: Any) -> Iterator[None]:
        """Let the loss be differentiated by some parameters, and by no others."""
        for own in self._module.parameters():
            own.requires_grad_(False)
        for own in parameters:
            own.requires_grad_(True)
        with torch.enable_grad():
            yield


def _is_linear(layer: Any) -> bool:
    return type(layer) is torch.nn.Linear or type(layer).__name__ == "Conv1D"


def _begin(layer: Any, given: Any, output: torch.Tensor) -> torch.Tensor:
    """Make the loss differentiable by what goes into the first layer, and so by all after it."""
    return output.requires_grad_(True)


def _watching(owner: _Owner, total: torch.Tensor) -> Any:
    """Return what adds up a parameter's gradient per sample, each time its layer is run."""

    def watch(layer: Any, given: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        entering = given[0].detach()

        def add(change: torch.Tensor) -> None:
            rows = len(total)
            left = change.reshape(rows, -1, change.shape[-1]).float()
            if owner.is_bias:
                total.add_(left.sum(1))
                return
            right = entering.reshape(rows, -1, entering.shape[-1]).float()
            if type(layer) is not torch.nn.Linear:  # it is turned round
                left, right = right, left
            total.baddbmm_(left.transpose(1, 2), right)

        output.register_hook(add)

    return watch
