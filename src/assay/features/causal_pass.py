"""The causal pass: one forward of a language model over every row, which many features share."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import numpy as np

from assay.components.references import (
    EMBEDDED_MODEL,
    DType,
    ModelName,
    is_endpoint,
    short_name,
)
from assay.components.rendering import COMMON, Rendering
from assay.errors import ConfigError
from assay.features.made_models import ModelRef, model_name
from assay.features.model_passes import ModelPass, ModelReading, called, check_number_format
from assay.features.passes import Pass, Reading, RowFeature
from assay.features.read_rows import Place, ReadRows
from assay.features.seen_rows import flag_seen
from assay.models.language_model import (
    NOTHING_KEPT,
    Choice,
    Kept,
    LanguageModel,
    Questions,
    at_work,
)
from assay.models.service import Price, Unasked
from assay.rendering.encoding import TextEncoding
from assay.rendering.token_rows import TokenRow, Window
from assay.rendering.tokenization import Preceding, token_rows
from assay.runtime import Runtime
from assay.samples import Conversation, Float32Array, IndexArray
from assay.values import RowValue

_TOLERANCES: Mapping[DType, float] = {"float32": 1e-5, "bfloat16": 5e-2, "float16": 1e-2}


class CausalPass(ModelPass):
    """One forward of a causal language model over every row, under one rendering."""

    model: ModelName
    rendering: Rendering
    given: Preceding
    dtype: DType

    def opened(self, runtime: Runtime) -> LanguageModel:
        """Return the language model."""
        return runtime.language_model(self.model, self.dtype)

    def reader(self, model: LanguageModel) -> Reading:
        """Return what reads rows with the model."""
        return CausalReading(model, self)

    def label(self) -> str:
        """Return what a progress bar calls it."""
        given = self.given if isinstance(self.given, str) else "a text"
        return f"answers given {given} ({called(self.model)})"

    def rows(self, model: TextEncoding, conversations: Sequence[Conversation]) -> list[TokenRow]:
        """Return the rows as tokens."""
        return token_rows(model, self.rendering, self.given, conversations)

    def asked_of(
        self,
        model: Unasked,
        conversations: Sequence[Conversation],
        features: Sequence[RowFeature],
    ) -> Price:
        """Return what a server would be asked for the log-probabilities of some rows."""
        asking = [feature for feature in features if isinstance(feature, CausalFeature)]
        _, questions = _questions(self.rows(model, conversations), asking, {})
        return model.price_of_questions(questions)

    def why(self, conversation: Conversation, runtime: Runtime) -> str:
        """Return what the chat template makes of a row that it hides the answers of."""
        if not self.rendering.is_chat:
            return ""
        model = self.opened(runtime)
        with at_work(model):
            (row,) = self.rows(model, [conversation])
        return row.why


class CausalFeature(RowFeature):
    """A feature that is read off a causal pass. Subclasses say what they ask, and write `collect`.

    Features of one model, rendering, context and dtype share the forward.
    """

    extra: ClassVar[str] = "models"
    statistics: ClassVar[bool] = False
    """Whether the predicting distributions are wanted."""
    prompt_targets: ClassVar[bool] = False
    """Whether tokens that are not scored are wanted, too."""

    model: ModelRef = EMBEDDED_MODEL
    """Causal language model: the embedded one, a folder with safetensors, org/name, an address,
    or one that is made on the way."""
    rendering: Rendering = COMMON
    """Template, turns, limit and context token."""
    dtype: DType = "float32"
    """Number format of the model."""

    @property
    def tolerance(self) -> float:
        """Bound of what batches and devices may change a mean by, at this number format."""
        return _TOLERANCES[self.dtype]

    def context(self) -> Preceding:
        """Return what the answers are scored after."""
        return "prompt"

    def reading(self) -> Pass:
        """Return the forward.

        Raises:
            ConfigError: if the model is behind HTTP, and more than log-probabilities is wanted.
        """
        model = model_name(self.model)
        if is_endpoint(model):
            self._check_endpoint(model)
        return CausalPass(
            model=model, rendering=self.rendering, given=self.context(), dtype=self.dtype
        )

    def _check_endpoint(self, model: str) -> None:
        lacking = ""
        if self.statistics:
            lacking = "the distributions that predict the tokens"
        elif type(self).weights is not CausalFeature.weights:
            lacking = "hidden states"
        elif type(self).choice is not CausalFeature.choice:
            lacking = "the probabilities of words that are named"
        if lacking:
            raise ConfigError(
                f"{self.name} needs {lacking}, which {short_name(model)} behind HTTP does not give",
                hint="name the model itself: a folder, or org/name on the Hugging Face Hub",
            )
        check_number_format(model, self.dtype)

    def weights(self, window: Window) -> Float32Array | None:
        """Return weights over a window's positions, to sum hidden states by; None for none."""
        return None

    def choice(self, model: LanguageModel) -> IndexArray | None:
        """Return tokens whose probabilities are wanted where the last answer begins; None for none.

        Raises:
            ConfigError: if the model has no such tokens.
        """
        return None

    def weighed_layer(self) -> int:
        """Return the layer whose hidden states are summed; -1 is after the final normalisation."""
        return -1

    def collect(self, rows: ReadRows) -> RowValue:
        """Return the value of each row."""
        raise TypeError(f"{type(self).__name__} has no collect()")


class CausalReading(ModelReading[LanguageModel]):
    """Reads rows with a language model for some features at once.

    Args:
        model: what reads.
        pass_: rendering and context.
    """

    def __init__(self, model: LanguageModel, pass_: CausalPass) -> None:
        super().__init__(model)
        self._pass = pass_

    def prepare(
        self, conversations: Sequence[Conversation], features: Sequence[RowFeature]
    ) -> list[TokenRow]:
        """Return the rows as tokens."""
        rows = self._pass.rows(self._model, conversations)
        return flag_seen(self._pass.model, rows, conversations)

    def finish(
        self,
        prepared: list[TokenRow],
        features: Sequence[RowFeature],
        advance: Callable[[int], None],
        kept: Kept = NOTHING_KEPT,
    ) -> list[RowValue]:
        """Return the value of each feature for the rows."""
        asking = [feature for feature in features if isinstance(feature, CausalFeature)]
        if len(asking) != len(features):
            raise TypeError("a causal pass fills causal features alone")
        # Whoever names a layer that there is not is told so before anything is run.
        widths = {
            feature.key: self._model.width_at(feature.weighed_layer())
            for feature in asking
            if type(feature).weights is not CausalFeature.weights
        }
        tokens = {feature.key: feature.choice(self._model) for feature in asking}
        named = {key: own for key, own in tokens.items() if own is not None}
        places, questions = _questions(prepared, asking, named)
        done = _InRows(advance, sum(len(each.window.ids) for each in places), len(prepared))
        answers = self._model.read(questions, done, kept)
        read = ReadRows(prepared, places, questions, answers, widths)
        return [feature.collect(read) for feature in asking]


class _InRows:
    """Turns tokens done into rows done: time goes by tokens, and long rows come first."""

    def __init__(self, advance: Callable[[int], None], tokens: int, rows: int) -> None:
        self._advance, self._tokens, self._rows = advance, max(tokens, 1), rows
        self._done = 0
        self._told = 0

    def __call__(self, count: int) -> None:
        self._done += count
        rows = self._rows * self._done // self._tokens
        self._advance(rows - self._told)
        self._told = rows


def _questions(
    rows: Sequence[TokenRow],
    features: Sequence[CausalFeature],
    named: Mapping[str, IndexArray],
) -> tuple[list[Place], Questions]:
    """Return the windows that have to be read, and what is asked of them.

    Args:
        rows: as tokens.
        features: that ask.
        named: tokens that a feature wants the probabilities of, by its key.
    """
    with_prompt = any(feature.prompt_targets for feature in features)
    places: list[Place] = []
    targets: list[IndexArray] = []
    starts: list[int] = []
    pools: dict[str, list[Float32Array | None]] = {feature.key: [] for feature in features}
    for row, place in ((row, place) for place, row in enumerate(rows)):
        for number, window in enumerate(row.windows):
            weights = [_weights(feature, row, number) for feature in features]
            wanted = _targets(window, with_prompt)
            choosing = named and _choice_place(row, number)
            if not len(wanted) and not choosing and all(weight is None for weight in weights):
                continue
            starts.append(choosing or 0)
            places.append(Place(place, number, window))
            targets.append(wanted)
            for feature, weight in zip(features, weights, strict=True):
                pools[feature.key].append(weight)
    used = {key: own for key, own in pools.items() if any(w is not None for w in own)}
    layers = {feature.key: feature.weighed_layer() for feature in features if feature.key in used}
    statistics = any(feature.statistics for feature in features)
    choices = {key: Choice(own, np.array(starts, np.int64)) for key, own in named.items()}
    sequences = [place.window.ids for place in places]
    return places, Questions(sequences, targets, statistics, used, layers, choices)


def _targets(window: Window, with_prompt: bool) -> IndexArray:
    return np.arange(1, len(window.ids)) if with_prompt else window.answer_positions()


def _choice_place(row: TokenRow, number: int) -> int:
    """Return where the last answer begins, of a row or of a question of its own; 0 elsewhere."""
    window = row.windows[number]
    last = row.separate or number == len(row.windows) - 1
    return window.prompt_stop if last and (window.answers or window.left_out) else 0


def _weights(feature: CausalFeature, row: TokenRow, number: int) -> Float32Array | None:
    # Of a row in several windows the last one stands for it: its end is whole.
    if number != len(row.windows) - 1:
        return None
    return feature.weights(row.windows[number])
