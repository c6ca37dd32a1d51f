"""A fine-tuned model as a feature: trained once for its rows, its recipe and its seed."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from assay.components.component import NoPaper, Paper
from assay.components.extras import is_installed
from assay.components.references import ModelRef, short_name
from assay.engine.pace import Paced
from assay.errors import DataError
from assay.features.passes import PoolFeature
from assay.models.recipe import Recipe, Tuned, training_flops
from assay.models.training import Training
from assay.pool.view import PoolView
from assay.runtime import Runtime
from assay.samples import Conversation, IndexArray
from assay.stores.cache import FolderStore
from assay.tuning.rows import training_rows

_BLOCK_ROWS = 4096
_USUAL_TOKENS = 256
_BYTES_PER_WEIGHT = {"full": 16.0, "lora": 4.0}


class TunedModel(PoolFeature):
    """A language model after training on the answers of some rows.

    Its value is a folder: an adapter or a whole model for every epoch that is kept, and a record
    of what it cost. Rows that are held out are never trained on. The value is kept by the rows'
    texts, so rows added to the pool train nothing anew while the same ones are chosen; neither the
    order of the rows nor how often a run was killed changes a byte of it on a processor.
    """

    name = "tuned_model"
    version: ClassVar[int] = 2
    extra: ClassVar[str] = "tune"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="supervised fine-tuning; see `Recipe`")

    base: ModelRef = ""
    """Causal language model that is trained: a folder with safetensors, or org/name."""
    recipe: Recipe = Recipe()
    """How it is trained."""
    seed: int = 0
    """Seed of the order of rows, and of LoRA's first weights."""

    def operations(self, rows: int, runtime: Runtime) -> float:
        """Return the products of the training, for rows of common length."""
        sequences = self.recipe.all_steps(rows) * self.recipe.batch_size
        if self.recipe.steps is None:
            sequences = self.recipe.epochs * rows
        tokens = sequences * min(_USUAL_TOKENS, self.recipe.max_length)
        return training_flops(self.recipe.weights, runtime.parameter_count(self.base), tokens)

    def memory(self, rows: int, runtime: Runtime) -> float:
        """Return the bytes of weights, gradients and moments; none here if a card holds them."""
        if is_installed("models") and runtime.devices()[0] != "cpu":
            return 0.0
        return _BYTES_PER_WEIGHT[self.recipe.weights] * runtime.parameter_count(self.base)

    def store(self, cache: Path, view: PoolView) -> FolderStore:
        """Return where the model trained on the rows in view is kept: by their texts, in order."""
        hashes = view.pool.content_hashes[view.positions][_places(view)]
        digest = hashlib.blake2b(np.ascontiguousarray(hashes).tobytes(), digest_size=8)
        return FolderStore(cache / self.name / self.row_key, digest.hexdigest())

    def compute(self, view: PoolView, runtime: Runtime) -> Tuned:
        """Return the model trained on the rows in view.

        Raises:
            MissingExtraError: if what trains is not installed.
            DataError: if no row has an answer to learn, or the disk is full.
            TuningError: if the training changes no weight.
            FeatureError: if the training leaves the finite numbers, or memory runs out.
        """
        paced = Paced(
            runtime.progress,
            runtime.cache,
            f"training {self.base.rpartition('@')[2]} {self.recipe.weights} {self.recipe.dtype} "
            f"{runtime.device}",
            threads=runtime.threads,
        )
        opened = replace(runtime, progress=paced).trainable(self.base, self.recipe)
        rows = training_rows(opened.model, self.recipe.rendering, _blocks(view, _places(view)))
        if not rows.sequences:
            reasons = ", ".join(f"{name}: {count:,}" for name, count in rows.left_out.items())
            raise DataError(
                f"there is no row to train {short_name(self.base)} on"
                + (f" ({reasons})" if reasons else "")
                + (f"; of the first, {rows.why}" if rows.why else ""),
                hint="choose more rows",
            )
        paced.units = float(rows.lengths.mean()) * self.recipe.batch_size  # tokens in a step
        store = self.store(runtime.cache, view)
        training = Training(self.base, self.recipe, self.seed, rows, _held_out(view))
        with store.filling() as work:
            opened.train(training, work)
        return self.unpack(store.path)

    def pack(self, value: Tuned) -> Path:
        """Return the folder."""
        return value.folder

    def unpack(self, folder: Path) -> Tuned:
        """Return what the folder tells; the base goes by the name that it has now."""
        return Tuned.read(folder).model_copy(update={"base": self.base})


def _places(view: PoolView) -> IndexArray:
    """Return the rows in view that may be trained on, in the order of their texts' hashes."""
    positions = view.positions
    free = np.flatnonzero(~view.pool.held_out[positions])
    return free[np.argsort(view.pool.content_hashes[positions][free], kind="stable")]


def _held_out(view: PoolView) -> int:
    hidden = 0 if view.index is not None else view.pool.hidden
    return hidden + int(np.count_nonzero(view.pool.held_out[view.positions]))


def _blocks(view: PoolView, places: IndexArray) -> Iterator[Sequence[Conversation]]:
    for start in range(0, len(places), _BLOCK_ROWS):
        yield view.conversations(places[start : start + _BLOCK_ROWS])
