"""Measures datasets one by one, and then what each two of them share."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from assay.assessment.between import common_near, equal_rows, nearest_of
from assay.assessment.examples import extremes
from assay.assessment.measures import (
    PERPLEXITY_EDGES,
    RATIO_EDGES,
    TOKEN_EDGES,
    distribution,
    make_up,
    quantiles,
    share_of,
    variety,
)
from assay.assessment.reading import ENCODER, RowReader
from assay.assessment.records import (
    Assessment,
    DatasetRecord,
    Distribution,
    PairRecord,
    Share,
)
from assay.assessment.remarks import language_notes, remarks
from assay.assessment.rows import Rows
from assay.components.component import Scorer
from assay.components.references import DType, name_of
from assay.engine.model_fit import LANGUAGES, ModelFit, model_fit
from assay.features.text import CompressedLengths, DetectedLanguage, TokenCounts
from assay.methods.likelihood.ifd import IFD
from assay.methods.likelihood.perplexity import Perplexity
from assay.methods.text.compression_ifd import CompressionIFD
from assay.pool.pool import learned_answers
from assay.runtime import Runtime
from assay.samples import FloatArray, Scores
from assay.texts.minhash import THRESHOLD
from assay.values import Numbers
from assay.version import __version__

SAMPLE_ROWS = 2000
ALIKE = 0.8
"""Cosine from which two rows are called close in meaning: they are mostly about one subject."""

_COVERAGE_ROWS = 256
_NO_MODEL = "IFD and perplexity: a language model reads the rows for them, and none is named"


@dataclass(frozen=True)
class Options:
    """What the numbers depend on besides the rows.

    Attributes:
        sample: rows per dataset that costly measures look at.
        alike: cosine from which two rows count as close in meaning.
        tokenizer: what counts tokens; empty for the estimate.
        model: language model that reads the sample for IFD and perplexity, by far the costliest
            part: see `assay.assessment.pricing`; empty for none.
        dtype: its number format; empty for the default.
        no_model: why there is none, for the report.
    """

    sample: int = SAMPLE_ROWS
    alike: float = ALIKE
    tokenizer: str = ""
    model: str = ""
    dtype: DType = "float32"
    no_model: str = _NO_MODEL


def assess(
    datasets: Sequence[Rows], options: Options | None = None, runtime: Runtime | None = None
) -> Assessment:
    """Return datasets side by side.

    What a dataset gets alone depends on its rows and the options only: neither on their order, nor
    on the other datasets, nor on whether they lie in one pool or in several.

    Args:
        datasets: with names unlike each other.
        options: sample, thresholds and models.
        runtime: how to work.
    """
    options = options or Options()
    reader = RowReader(runtime or Runtime())
    model = options.model
    records = []
    total = sum(len(rows) for rows in datasets)
    with reader.runtime.progress.task("assessing", total) as task:
        for rows in datasets:
            records.append(_Dataset(rows, reader, options, model).record())
            task.advance(len(rows))
    pairs = _pairs(datasets, reader, options)
    return Assessment(
        assay=__version__,
        settings=_settings(options, model, reader),
        datasets=[
            replace(each, remarks=[*remarks(each, pairs, options.sample), *each.remarks])
            for each in records
        ],
        pairs=pairs,
        left_out=[] if model else [options.no_model],
        notes=language_notes(records),
    )


def _settings(options: Options, model: str, reader: RowReader) -> dict[str, Any]:
    settings: dict[str, Any] = asdict(options)
    del settings["no_model"]
    return settings | {
        "tokenizer": options.tokenizer or TokenCounts().tokenizer,
        "model": model or None,
        "dtype": options.dtype if model else None,
        "near": THRESHOLD,
        "encoder": ENCODER,
        "encoder_digest": reader.encoder.rpartition("@")[2],
    }


def likelihood_scorers(model: str, dtype: DType) -> list[Scorer]:
    """Return the scores that a language model is read for."""
    return [kind(model=model, dtype=dtype) for kind in (IFD, Perplexity)]


class _Dataset:
    """Everything that is measured of one dataset alone."""

    def __init__(self, rows: Rows, reader: RowReader, options: Options, model: str) -> None:
        self.rows, self.reader, self.options, self.model = rows, reader, options, model
        self.sampled = min(options.sample, len(rows))

    def record(self) -> DatasetRecord:
        """Return what was measured."""
        rows = self.rows
        if rows.view is None:
            return _empty(rows)
        tokens, languages = self._text()
        sample_scores = self._likelihoods()
        [compression] = self.reader.scores(rows.view, [CompressionIFD()])
        scores = {"compression_ifd": compression} | sample_scores
        nearest = nearest_of(rows, rows, self.options.sample, self.reader)
        answers = _answers(rows.view.column("messages"))
        fit = self._fit()
        return DatasetRecord(
            name=rows.name,
            source=rows.source,
            rows=len(rows),
            set_aside=dict(rows.set_aside),
            held_out=int(rows.view.pool.held_out[rows.view.positions].sum()),
            sampled=self.sampled,
            tokens=int(tokens["total"].sum()),
            several_answers=share_of(int((answers > 1).sum()), len(rows)),
            exact_copies=share_of(len(rows) - len(np.unique(rows.hashes)), len(rows)),
            near_copies=share_of(
                int((~self.reader.near_groups(rows.view).representative).sum()), len(rows)
            ),
            alike=self._share(nearest >= np.float32(self.options.alike)),
            nearest=quantiles(nearest.astype(np.float64)),
            learned=self._learned(),
            distributions=_distributions(tokens, scores),
            above_one=self._above_one(sample_scores.get("ifd")),
            languages=make_up(languages),
            tasks=make_up(rows.view.column("task").to_list()),
            variety=variety(self._drawn_vectors()),
            examples=extremes(rows, self.options.sample, tokens, scores),
            notes=tuple(rows.notes),
            model_fit=None if fit is None else fit.facts(),
            remarks=() if fit is None else tuple(fit.notes()),
        )

    def _fit(self) -> ModelFit | None:
        name = name_of(self.model)
        if name not in LANGUAGES:
            return None
        view = self.rows.sample(self.options.sample)
        return model_fit(name, list(view.pool.samples(view.positions)))

    def _text(self) -> tuple[Numbers, list[str]]:
        assert self.rows.view is not None  # noqa: S101  the caller has looked
        view, tokenizer = self.rows.view, self.options.tokenizer
        counts = TokenCounts(tokenizer=tokenizer) if tokenizer else TokenCounts()
        # Compressed lengths are read again by their score; here they share the reading of the text.
        features = [counts, DetectedLanguage(), CompressedLengths()]
        tokens, detected, _ = self.reader.values(view, features)
        stated = view.column("language").to_list()
        languages = [
            own or found for own, found in zip(stated, detected.values.to_list(), strict=True)
        ]
        return tokens, languages

    def _likelihoods(self) -> dict[str, Scores]:
        if not self.model:
            return {}
        scorers = likelihood_scorers(self.model, self.options.dtype)
        found = self.reader.scores(self.rows.sample(self.options.sample), scorers)
        return {scorer.name: scores for scorer, scores in zip(scorers, found, strict=True)}

    def _share(self, holds: np.ndarray[Any, np.dtype[np.bool_]]) -> Share:
        return share_of(int(holds.sum()), len(holds), whole=self.sampled == len(self.rows))

    def _above_one(self, scores: Scores | None) -> Share | None:
        if scores is None:
            return None
        return self._share(scores.values[scores.reason == 0] > 1.0)

    def _drawn_vectors(self) -> FloatArray:
        assert self.rows.view is not None  # noqa: S101  the caller has looked
        whole = self.reader.vectors(self.rows.view).array
        return np.asarray(whole[self.rows.draw[: self.options.sample]], np.float64)

    def _learned(self) -> float | None:
        view = self.rows.sample(_COVERAGE_ROWS)
        return self.reader.learned([conversation.text for conversation in view.conversations()])


def _answers(messages: pl.Series) -> FloatArray:
    """Return how many answers to be learned each conversation has."""
    learned = learned_answers(messages.dtype)
    counts = messages.to_frame("m").select(pl.col("m").list.eval(learned).list.sum())
    return counts.to_series().fill_null(0).to_numpy().astype(np.float64)


def _distributions(tokens: Numbers, scores: dict[str, Scores]) -> dict[str, Distribution]:
    whole = {
        name: distribution(Scores(tokens[column], tokens.reason), TOKEN_EDGES)
        for name, column in (
            ("tokens", "total"), ("instruction", "instruction"), ("response", "response")
        )
    }  # fmt: skip
    edges = {"perplexity": PERPLEXITY_EDGES}
    return whole | {
        name: distribution(each, edges.get(name, RATIO_EDGES)) for name, each in scores.items()
    }


def _empty(rows: Rows) -> DatasetRecord:
    nothing = share_of(0, 0)
    return DatasetRecord(
        name=rows.name, source=rows.source, rows=0, set_aside=dict(rows.set_aside), held_out=0,
        sampled=0, tokens=0, several_answers=nothing, exact_copies=nothing, near_copies=nothing,
        alike=nothing, nearest={}, learned=None, distributions={}, above_one=None,
        languages=make_up([]), tasks=make_up([]), variety=(), examples=(), notes=tuple(rows.notes),
    )  # fmt: skip


def _pairs(datasets: Sequence[Rows], reader: RowReader, options: Options) -> list[PairRecord]:
    """Return every ordered pair, in the order of the datasets."""
    couples = list(combinations(range(len(datasets)), 2))
    common: dict[tuple[int, int], tuple[int, int]] = {}
    total = sum(len(datasets[place]) for couple in couples for place in couple)
    with reader.runtime.progress.task("comparing datasets", total) as task:
        for first, second in couples:
            exact = equal_rows(datasets[first].hashes, datasets[second].hashes)
            near = common_near(datasets[first], datasets[second], reader)
            common[first, second] = (exact.first, near.first)
            common[second, first] = (exact.second, near.second)
            task.advance(len(datasets[first]) + len(datasets[second]))
    found = []
    for of, within in sorted(common):
        alike = nearest_of(datasets[of], datasets[within], options.sample, reader)
        found.append(_pair(datasets[of], datasets[within], common[of, within], alike, options))
    return found


def _pair(
    of: Rows, within: Rows, common: tuple[int, int], alike: Any, options: Options
) -> PairRecord:
    sampled = min(options.sample, len(of))
    return PairRecord(
        of=of.name,
        within=within.name,
        exact=share_of(common[0], len(of)),
        near=share_of(common[1], len(of)),
        alike=share_of(
            int((alike >= np.float32(options.alike)).sum()), len(alike), whole=sampled == len(of)
        ),
        nearest=quantiles(alike.astype(np.float64)),
    )
