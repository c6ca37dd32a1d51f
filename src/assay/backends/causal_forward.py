"""Forwards of a transformers model, as few and as narrow as the questions allow."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch

from assay.backends.batching import Batch
from assay.backends.kept_batches import Vectors
from assay.backends.output_layer import OutputLayer, described, positions_at_once
from assay.backends.work import NOTHING, Readout, Work
from assay.errors import FeatureError, Parameter, Phrase
from assay.models.language_model import Choice
from assay.rendering.encoding import TokenIds
from assay.samples import Float32Array, IndexArray

_States = Mapping[int, torch.Tensor]
"""Hidden states by layer, those of the last one, -1, among them."""
_KEPT_PREFIXES = 8
_WRITTEN_OUT_GELU = ("NewGELUActivation", "FastGELUActivation")
_PROBE_TOKENS = 12
_PROBE_TOLERANCE = 1e-3
_LOOK_AHEAD = 1e-4  # of rows that differ in later tokens alone the earlier states are the same


class _Prefix(NamedTuple):
    """A beginning that was run once: keys and values of every layer, and its hidden states."""

    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    states: "_States"


class Forward:
    """Runs batches through a model, and its head over scored positions alone.

    Args:
        model: a causal model of transformers, in evaluation mode.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        _fuse_activations(model)
        self.device = next(model.parameters()).device
        self.dtype = next(model.parameters()).dtype
        head = model.get_output_embeddings()
        self._head = OutputLayer(head)
        self._prefixes: OrderedDict[tuple[bytes, tuple[int, ...]], _Prefix] = OrderedDict()
        with torch.inference_mode():
            self.looks_ahead = self._later_tokens_count()
            self._separate_head = self._head_is_all_there_is()
            self.shares_prefixes = self._prefix_changes_nothing()

    @property
    def width(self) -> int:
        """Length of a last hidden state."""
        return int(self._model.get_output_embeddings().weight.shape[1])

    @cached_property
    def layer_widths(self) -> Sequence[int]:
        """Lengths of the hidden states that the model tells, from its embeddings on."""
        with torch.inference_mode():
            output = self._model.base_model(
                input_ids=self._probe(), use_cache=False, output_hidden_states=True
            )
        return [int(states.shape[-1]) for states in output.hidden_states or ()]

    # Checks of the short cuts, by this very model

    def _probe(self) -> torch.Tensor:
        vocabulary = int(self._model.config.get_text_config().vocab_size)
        ids = (np.arange(2 * _PROBE_TOKENS) * 7919 + 13) % vocabulary
        return torch.tensor(ids.reshape(2, _PROBE_TOKENS), device=self.device)

    def _later_tokens_count(self) -> bool:
        """Return whether a state depends on tokens that come after it, as in a masked model."""
        ids = self._probe()
        half = _PROBE_TOKENS // 2
        ids[1, :half] = ids[0, :half]
        states = self._model.base_model(input_ids=ids, use_cache=False).last_hidden_state
        states = states[:, :half].float()
        difference = (states[0] - states[1]).abs().max() / states.abs().max().clamp(min=1.0)
        return bool(
            difference > (_LOOK_AHEAD if self.dtype == torch.float32 else 100 * _LOOK_AHEAD)
        )

    def _head_is_all_there_is(self) -> bool:
        """Return whether logits are the head's own product: some models scale or cap them."""
        ids = self._probe()
        expected = self._model(input_ids=ids, use_cache=False).logits.float()
        hidden = self._model.base_model(input_ids=ids, use_cache=False).last_hidden_state
        logits = torch.cat(list(self._head.blocks(hidden[0])), dim=1)
        found = torch.log_softmax(logits, -1)
        wanted = torch.log_softmax(expected[0], -1)
        return bool((found - wanted).abs().max() < self.allowed)

    def _prefix_changes_nothing(self) -> bool:
        """Return whether a cached beginning gives what the whole sequence gives."""
        if _has_windows(self._model.config.get_text_config()):
            return False
        ids = self._probe()
        half = _PROBE_TOKENS // 2
        ids[1, :half] = ids[0, :half]
        whole = self._model.base_model(input_ids=ids, use_cache=False).last_hidden_state
        try:
            prefix = self._run_prefix(ids[0, :half])
            rest = self._hidden(ids[:, half:], prefix)[-1]
        except (AttributeError, TypeError, ValueError, RuntimeError):
            return False
        scale = whole.float().abs().max().clamp(min=1.0)
        difference = (rest.float() - whole[:, half:].float()).abs().max() / scale
        return bool(difference < self.allowed)

    @property
    def allowed(self) -> float:
        """What a short cut may change at most, of the largest number, to be taken."""
        return _PROBE_TOLERANCE if self.dtype == torch.float32 else 0.25

    # The forward

    def run(
        self, batch: Batch, work: Work, *, statistics: bool = False
    ) -> tuple[list[Readout], Vectors]:
        """Return what is asked of each member of a batch: its targets, and its vectors.

        Args:
            batch: which sequences.
            work: all of them.
            statistics: describe the predicting distributions, too.

        Raises:
            FeatureError: if not even one sequence fits into memory.
        """
        try:
            with torch.inference_mode():
                return self._run(batch, work, statistics)
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
        self._prefixes.clear()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if len(batch.members) == 1:
            raise FeatureError(
                f"{len(work.sequences[batch.members[0]]):,} tokens do not fit into memory at once",
                hint=Phrase(
                    "a smaller {}, a lower {}, or another {}",
                    Parameter("rendering.max_tokens"),
                    Parameter("dtype"),
                    Parameter("device"),
                ),
            )
        middle = len(batch.members) // 2
        readouts, vectors = [], []
        for part in (batch.members[:middle], batch.members[middle:]):
            some, given = self.run(Batch(batch.prefix, part), work, statistics=statistics)
            readouts += some
            vectors += given
        return readouts, vectors

    def _run(
        self,
        batch: Batch,
        work: Work,
        statistics: bool,
    ) -> tuple[list[Readout], Vectors]:
        places = batch.members.tolist()
        own = [work.sequences[place] for place in places]
        before = len(batch.prefix)
        length = len(own[0]) - before
        # Padding stands to the right, where a causal model looks from no token that counts: it
        # needs no mask, whatever the padding holds.
        ids = np.zeros((len(own), length), np.int64)
        for row, sequence in enumerate(own):
            ids[row, : len(sequence) - before] = sequence[before:]
        layers = work.inner_layers
        prefix = self._prefix(batch.prefix, layers) if before else None
        tokens = torch.from_numpy(ids).to(self.device)
        states = self._hidden(tokens, prefix, layers)
        wanted = [(work.targets[place], work.labels[place]) for place in places]
        readouts = self._read(states[-1], prefix, before, wanted, statistics)
        pooled = [
            [
                self._pool(states, prefix, row, layer, pool[place])
                for pool, layer in zip(work.pools, work.layers, strict=True)
            ]
            for row, place in enumerate(places)
        ]
        chosen = [
            self._choose(states[-1], prefix, choice, batch.members) for choice in work.choices
        ]
        return readouts, [own + [part[row] for part in chosen] for row, own in enumerate(pooled)]

    def _hidden(
        self, ids: torch.Tensor, prefix: _Prefix | None, layers: tuple[int, ...] = ()
    ) -> _States:
        """Return the last hidden states and those of some layers. Shape (rows, length, width)."""
        base = self._model.base_model
        asked = {"output_hidden_states": True} if layers else {}
        if prefix is None:
            return _states(base(input_ids=ids, use_cache=False, **asked), layers)
        from transformers import DynamicCache  # noqa: PLC0415  only where it is used

        rows = len(ids)
        cache = DynamicCache(
            (key.expand(rows, -1, -1, -1), value.expand(rows, -1, -1, -1))
            for key, value in prefix.layers
        )
        output = base(input_ids=ids, past_key_values=cache, use_cache=True, **asked)
        return _states(output, layers)

    def _prefix(self, ids: TokenIds, layers: tuple[int, ...]) -> _Prefix:
        key = (ids.tobytes(), layers)
        if key not in self._prefixes:
            tokens = torch.from_numpy(ids.astype(np.int64)).to(self.device)
            self._prefixes[key] = self._run_prefix(tokens, layers)
            while len(self._prefixes) > _KEPT_PREFIXES:
                self._prefixes.popitem(last=False)
        self._prefixes.move_to_end(key)
        return self._prefixes[key]

    def _run_prefix(self, ids: torch.Tensor, layers: tuple[int, ...] = ()) -> _Prefix:
        from transformers import DynamicCache  # noqa: PLC0415  only where it is used

        cache = DynamicCache()
        asked = {"output_hidden_states": True} if layers else {}
        output = self._model.base_model(
            input_ids=ids[None], past_key_values=cache, use_cache=True, **asked
        )
        states = {layer: found[0] for layer, found in _states(output, layers).items()}
        return _Prefix(tuple((each.keys, each.values) for each in cache.layers), states)

    # What is read off

    def _read(
        self,
        hidden: torch.Tensor,
        prefix: _Prefix | None,
        before: int,
        wanted: Sequence[tuple[IndexArray, IndexArray]],
        statistics: bool,
    ) -> list[Readout]:
        rows, length = hidden.shape[:2]
        flat = hidden.reshape(rows * length, -1)
        if prefix is not None:
            flat = torch.cat([prefix.states[-1], flat])
        places = []
        for row, (targets, _) in enumerate(wanted):
            # The token at t is predicted by the state at t - 1, which may lie in the beginning.
            predictor = targets - 1
            inside = before + row * length + (predictor - before)
            places.append(np.where(predictor < before, predictor, inside))
        place = torch.from_numpy(np.concatenate(places)).to(self.device)
        label = torch.from_numpy(np.concatenate([own for _, own in wanted])).to(self.device)
        found = self._describe(flat, place, label, statistics)
        borders = np.cumsum([len(own) for own in places])[:-1]
        split = [np.split(part, borders) if len(part) else None for part in found]
        return [
            Readout(
                *(
                    nothing if part is None else part[row]
                    for part, nothing in zip(split, NOTHING, strict=True)
                )
            )
            for row in range(rows)
        ]

    def _describe(
        self,
        flat: torch.Tensor,
        place: torch.Tensor,
        label: torch.Tensor,
        statistics: bool,
    ) -> list[Float32Array]:
        """Return log-probabilities and, if wanted, what describes the distributions."""
        if not len(place):
            return list(NOTHING)
        parts = []
        size = positions_at_once(self.device.type)
        for start in range(0, len(place), size):
            states = flat[place[start : start + size]]
            chunk = label[start : start + size]
            if self._separate_head:
                parts.append(self._head.describe(states, chunk, statistics))
            else:
                logits = self._through_model(states)
                true = logits.gather(1, chunk[:, None])[:, 0]
                parts.append(described([logits], chunk, true, statistics))
        joined = [torch.cat(column).cpu().numpy() for column in zip(*parts, strict=True)]
        return joined + list(NOTHING[len(joined) :])

    def _choose(
        self, hidden: torch.Tensor, prefix: _Prefix | None, choice: Choice, members: IndexArray
    ) -> list[Float32Array | None]:
        """Return the log-probabilities of some tokens at a place of each row that has one."""
        before = 0 if prefix is None else len(prefix.states[-1])
        places = choice.places[members]
        rows = np.flatnonzero(places)
        found: list[Float32Array | None] = [None] * len(members)
        if not len(rows):
            return found
        states = torch.stack(
            [
                hidden[row, place - 1 - before]
                if prefix is None or place > before
                else prefix.states[-1][place - 1]
                for row, place in zip(rows.tolist(), places[rows].tolist(), strict=True)
            ]
        )
        tokens = torch.from_numpy(choice.tokens).to(self.device)
        size = positions_at_once(self.device.type)
        parts = [
            self._head.choose(some, tokens)
            if self._separate_head
            else torch.log_softmax(self._through_model(some), -1)[:, tokens]
            for some in states.split(size)
        ]
        for row, numbers in zip(rows.tolist(), torch.cat(parts).cpu().numpy(), strict=True):
            found[row] = numbers
        return found

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """Return the logits of some hidden states, up to a constant per state, in float32.

        Shape (s, vocabulary).
        """
        if self._separate_head:
            return torch.cat(list(self._head.blocks(states)), dim=1)
        return self._through_model(states)

    def _through_model(self, states: torch.Tensor) -> torch.Tensor:
        """Return the logits of some hidden states as the whole model makes them."""
        head = self._model.get_output_embeddings()
        handle = head.register_forward_pre_hook(lambda module, given: (states[None],))
        try:
            ids = torch.zeros((1, 1), dtype=torch.long, device=self.device)
            return self._model(input_ids=ids, use_cache=False).logits[0].float()
        finally:
            handle.remove()

    def _pool(
        self,
        states: _States,
        prefix: _Prefix | None,
        row: int,
        layer: int,
        weights: Float32Array | None,
    ) -> Float32Array | None:
        if weights is None:
            return None
        given = torch.from_numpy(weights).to(self.device)
        before = 0 if prefix is None else len(prefix.states[layer])
        rest = len(weights) - before
        pooled = given[before:] @ states[layer][row, :rest].float()
        if prefix is not None:
            pooled = pooled + given[:before] @ prefix.states[layer].float()
        return pooled.cpu().numpy()


def _states(output: Any, layers: tuple[int, ...]) -> _States:
    return {-1: output.last_hidden_state} | {layer: output.hidden_states[layer] for layer in layers}


def _fuse_activations(model: Any) -> None:
    """Let the tanh form of GELU run as one operation where it is written out as eight."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if type(child).__name__ in _WRITTEN_OUT_GELU:
                setattr(module, name, torch.nn.GELU(approximate="tanh"))


def _has_windows(config: Any) -> bool:
    """Return whether some layers look back a limited way only."""
    kinds = getattr(config, "layer_types", None) or []
    return any(kind != "full_attention" for kind in kinds) or bool(
        getattr(config, "sliding_window", None) and getattr(config, "use_sliding_window", True)
    )


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory did not suffice."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    text = str(error)
    return "can't allocate memory" in text or "not enough memory" in text
