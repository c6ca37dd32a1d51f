"""Replies of transformers models: keys and values of what was read are kept, in batches."""

import contextlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers.cache_utils import DynamicCache, DynamicLayer

from assay.backends.causal_forward import Forward, out_of_memory
from assay.backends.drawing import NO_TOKEN
from assay.backends.generating import Batch, NoRoomError
from assay.components.decoding import Decoding
from assay.rendering.encoding import TokenIds
from assay.samples import FloatArray, IndexArray

_GROWTH = 64  # places that are made at a time
_PROBE_TOKENS = 12


class _Grown(DynamicLayer):  # type: ignore[misc]
    """Keys and values of a layer, with places for those to come: else each token copies all."""

    _filled = 0
    _all_keys: torch.Tensor
    _all_values: torch.Tensor

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Add what was read, and return all there is."""
        start, stop = self._filled, self._filled + key_states.shape[-2]
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._all_keys, self._all_values = key_states[:, :, :0], value_states[:, :, :0]
        if stop > self._all_keys.shape[-2]:
            self._all_keys = _longer(self._all_keys, start, stop + _GROWTH)
            self._all_values = _longer(self._all_values, start, stop + _GROWTH)
        self._all_keys[:, :, start:stop] = key_states
        self._all_values[:, :, start:stop] = value_states
        self._show(stop)
        return self.keys, self.values

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep some rows."""
        self._all_keys, self._all_values = self._all_keys[indices], self._all_values[indices]
        self._show(self._filled)

    def _show(self, filled: int) -> None:
        self._filled = filled
        self.keys = self._all_keys[:, :, :filled]
        self.values = self._all_values[:, :, :filled]


def _layer_of(keys: torch.Tensor, values: torch.Tensor) -> _Grown:
    """Return a layer that holds some keys and values."""
    layer = _Grown()
    layer.update(keys, values)
    return layer


def _longer(states: torch.Tensor, filled: int, length: int) -> torch.Tensor:
    made = states.new_empty((*states.shape[:2], length, states.shape[-1]))
    made[:, :, :filled] = states[:, :, :filled]
    return made


class CausalGeneration:
    """Begins batches of a model.

    Args:
        model: a causal model of transformers, in evaluation mode.
        forward: its forward.
    """

    def __init__(self, model: Any, forward: Forward) -> None:
        self._base = model.base_model
        self._config = model.config
        self._forward = forward
        self._takes_positions = "position_ids" in inspect.signature(self._base.forward).parameters
        with torch.inference_mode():
            self.keeps = self._kept_keys_change_nothing()

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self._forward.device

    def begin(self, prompts: Sequence[TokenIds]) -> Batch:
        """Return some prompts, read.

        Raises:
            NoRoomError: if they do not fit into memory together.
        """
        with self.room():
            return KeptRows(self, prompts) if self.keeps else ReadRows(self, prompts)

    def resume(self, state: Mapping[str, NDArray[Any]]) -> Batch:
        """Return a batch of which `state` told how far it was."""
        if "rows" in state:
            return ReadRows(self, _unpadded(state["rows"], state["lengths"]))
        batch = KeptRows.__new__(KeptRows)
        batch.restore(self, state)
        return batch

    def from_array(self, array: NDArray[Any], *, lower: bool = False) -> torch.Tensor:
        """Return an array on the device, in the model's number format if it was in a lower one."""
        found = torch.from_numpy(array.copy()).to(self.device)
        return found.view(self._forward.dtype) if lower else found

    @contextlib.contextmanager
    def room(self) -> Iterator[None]:
        """Compute, and say so where memory does not suffice."""
        try:
            with torch.inference_mode():
                yield
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            raise NoRoomError(str(error)) from error

    def new_cache(self) -> DynamicCache:
        """Return where keys and values of a batch are kept."""
        cache = DynamicCache(config=self._config)
        cache.layers = [_Grown() if type(each) is DynamicLayer else each for each in cache.layers]
        return cache

    def last_states(
        self,
        ids: torch.Tensor,
        cache: DynamicCache,
        mask: torch.Tensor | None,
        positions: torch.Tensor,
    ) -> torch.Tensor:
        """Return the last hidden state of each row after some tokens. Shape (b, width)."""
        settings = {"position_ids": positions} if self._takes_positions else {}
        output = self._base(
            input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, **settings
        )
        return output.last_hidden_state[:, -1]

    def states_of_ends(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        """Return the hidden state at the end of each of some whole rows. Shape (b, width)."""
        lengths = torch.tensor([len(row) for row in rows], device=self.device)
        ids = torch.zeros((len(rows), int(lengths.max())), dtype=torch.long)
        for place, row in enumerate(rows):
            ids[place, : len(row)] = torch.tensor(list(row))
        # Padding to the right: a causal model looks from no token that counts at what follows.
        hidden = self._base(input_ids=ids.to(self.device), use_cache=False).last_hidden_state
        return hidden[torch.arange(len(rows), device=self.device), lengths - 1]

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """Return the logits of some states. Shape (b, vocabulary), float32."""
        return self._forward.logits(states)

    def _kept_keys_change_nothing(self) -> bool:
        """Return whether padded rows, read on, have the states that they have read as a whole."""
        vocabulary = int(self._config.get_text_config().vocab_size)
        ids = ((np.arange(2 * _PROBE_TOKENS) * 7919 + 13) % vocabulary).astype(np.int32)
        rows = [ids[:_PROBE_TOKENS], ids[_PROBE_TOKENS : 2 * _PROBE_TOKENS - 5]]
        whole = self.states_of_ends([row.tolist() for row in rows])
        try:
            batch = KeptRows(self, [row[:-2] for row in rows])
            for place in (-2, -1):
                batch.go_on(np.array([row[place] for row in rows], np.int64), np.full(2, True))
        except (AttributeError, TypeError, ValueError, RuntimeError, IndexError):
            return False
        scale = whole.float().abs().max().clamp(min=1.0)
        difference = (batch.states.float() - whole.float()).abs().max() / scale
        return bool(difference < self._forward.allowed)


class _Rows(Batch):
    """What both kinds of batches do alike."""

    states: torch.Tensor

    def __init__(self, model: CausalGeneration) -> None:
        self._model = model

    def choose(self, decoding: Decoding, uniforms: FloatArray | None) -> IndexArray:
        """Return the next token of each row, -1 where there are no numbers. Shape (b,)."""
        with self._model.room():
            chosen = next_tokens(self._model.logits(self.states), decoding, uniforms)
            return chosen.cpu().numpy()


class KeptRows(_Rows):
    """A batch whose keys and values are kept, padded to the left.

    Args:
        model: which reads.
        prompts: shape (t,) each.
    """

    def __init__(self, model: CausalGeneration, prompts: Sequence[TokenIds]) -> None:
        super().__init__(model)
        lengths = np.array([len(ids) for ids in prompts])
        width = int(lengths.max())
        ids = np.zeros((len(prompts), width), np.int64)
        real = np.arange(width) >= (width - lengths)[:, None]
        for row, own in enumerate(prompts):
            ids[row, width - len(own) :] = own
        self._positions = torch.from_numpy(lengths).to(model.device)
        # Rows of one length need no mask, and attention is faster without.
        self._real = None if real.all() else torch.from_numpy(real).long().to(model.device)
        self._cache = model.new_cache()
        places = np.maximum(real.cumsum(axis=-1) - 1, 0)
        self.states = model.last_states(
            torch.from_numpy(ids).to(model.device),
            self._cache,
            self._real,
            torch.from_numpy(places).to(model.device),
        )

    def go_on(self, tokens: IndexArray, staying: NDArray[np.bool_]) -> None:
        """Read the next token of the rows that stay, and forget the others."""
        with self._model.room():
            device = self._model.device
            if not staying.all():
                kept = torch.from_numpy(np.flatnonzero(staying)).to(device)
                self._positions = self._positions[kept]
                self._real = None if self._real is None else self._real[kept]
                self._cache.batch_select_indices(kept)
            if self._real is not None:
                self._real = torch.cat([self._real, self._real.new_ones((len(tokens), 1))], 1)
            ids = torch.from_numpy(tokens)[:, None].to(device)
            self.states = self._model.last_states(
                ids, self._cache, self._real, self._positions[:, None]
            )
            self._positions = self._positions + 1

    @property
    def can_be_kept(self) -> bool:  # type: ignore[override]
        """Whether all that it holds are keys and values of whole rows."""
        return all(type(layer) is _Grown for layer in self._cache.layers)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return keys, values and places, bit by bit."""
        found = {"states": _bits(self.states), "positions": _bits(self._positions)}
        if self._real is not None:
            found["real"] = _bits(self._real)
        for number, layer in enumerate(self._cache.layers):
            found[f"keys {number}"] = _bits(layer.keys)
            found[f"values {number}"] = _bits(layer.values)
        return found

    def restore(self, model: CausalGeneration, state: Mapping[str, NDArray[Any]]) -> None:
        """Take up what `state` told."""
        super().__init__(model)
        self.states = model.from_array(state["states"], lower=True)
        self._positions = model.from_array(state["positions"])
        self._real = model.from_array(state["real"]) if "real" in state else None
        self._cache = model.new_cache()
        self._cache.layers = [
            _layer_of(
                model.from_array(state[f"keys {number}"], lower=True),
                model.from_array(state[f"values {number}"], lower=True),
            )
            for number in range(sum(name.startswith("keys ") for name in state))
        ]


class ReadRows(_Rows):
    """A batch that is read anew for every token, of a model whose keys cannot be kept.

    Args:
        model: which reads.
        prompts: shape (t,) each.
    """

    def __init__(self, model: CausalGeneration, prompts: Sequence[TokenIds]) -> None:
        super().__init__(model)
        self._rows = [ids.tolist() for ids in prompts]
        self.states = model.states_of_ends(self._rows)

    def go_on(self, tokens: IndexArray, staying: NDArray[np.bool_]) -> None:
        """Read the next token of the rows that stay, and forget the others."""
        self._rows = [self._rows[place] for place in np.flatnonzero(staying).tolist()]
        for row, token in zip(self._rows, tokens.tolist(), strict=True):
            row.append(token)
        with self._model.room():
            self.states = self._model.states_of_ends(self._rows)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return the rows."""
        lengths = np.array([len(row) for row in self._rows], np.int32)
        rows = np.zeros((len(self._rows), int(lengths.max())), np.int32)
        for place, row in enumerate(self._rows):
            rows[place, : len(row)] = row
        return {"rows": rows, "lengths": lengths}


def _bits(tensor: torch.Tensor) -> NDArray[Any]:
    """Return a tensor as an array; of a number format that numpy lacks, its bits."""
    plain = tensor.detach().cpu().contiguous()
    return plain.view(torch.int16).numpy() if plain.dtype.itemsize == 2 else plain.numpy()


def _unpadded(rows: NDArray[Any], lengths: NDArray[Any]) -> list[TokenIds]:
    return [row[:length] for row, length in zip(rows, lengths.tolist(), strict=True)]


def next_tokens(
    logits: torch.Tensor, decoding: Decoding, uniforms: FloatArray | None
) -> torch.Tensor:
    """Return what `drawing.next_tokens` does, on the device of the logits. Shape (b,)."""
    largest = logits.max(dim=-1).values
    if uniforms is None:
        chosen = logits.argmax(dim=-1)
    else:
        scaled = (logits - largest[:, None]).double() / decoding.temperature
        random = torch.from_numpy(uniforms).to(logits.device)
        chosen = _drawn(scaled.exp_(), decoding, random)
    return torch.where(largest.isfinite(), chosen, NO_TOKEN)


def _drawn(weights: torch.Tensor, decoding: Decoding, uniforms: torch.Tensor) -> torch.Tensor:
    if decoding.top_k or decoding.top_p < 1:
        ranked, order = weights.sort(dim=-1, descending=True, stable=True)
        if decoding.top_k:
            ranked[:, decoding.top_k :] = 0
        sums = ranked.cumsum(dim=-1)
        ranked[sums - ranked >= decoding.top_p * sums[:, -1:]] = 0
        weights = torch.zeros_like(weights).scatter_(1, order, ranked)
    sums = weights.cumsum(dim=-1)
    passed = sums > uniforms[:, None] * sums[:, -1:]
    return passed.int().argmax(dim=-1)
