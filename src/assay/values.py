"""What features are worth: small frozen collections of arrays, one entry per row.

Every row-aligned value carries `reason` (uint8, 0: has a value) and `flags` (uint16).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assay.echo import Brief
from assay.files.stored_vectors import StoredVectors, as_array
from assay.samples import (
    FlagArray,
    Float32Array,
    FloatArray,
    IndexArray,
    Reason,
    ReasonArray,
)
from assay.solvers.similarity import at_unit_length

_BLOCK_ROWS = 65_536
_BEGINNING = 40  # letters of a text that has to come out again


@dataclass(frozen=True, repr=False)
class RowValue(Brief):
    """Base of all row-aligned values; subclasses add arrays and say how they become a frame.

    Attributes:
        reason: shape (n,), uint8; why a row has no value.
        flags: shape (n,), uint16; what to know about a value that stands.
    """

    reason: ReasonArray
    flags: FlagArray

    matrix: ClassVar[bool] = False

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.reason)

    def frame(self) -> pl.DataFrame:
        """Return the columns that are stored, besides reason and flags."""
        raise TypeError(f"{type(self).__name__} has no frame()")

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, reason: ReasonArray, flags: FlagArray) -> Self:
        """Return the value that `frame` made."""
        raise TypeError(f"{cls.__name__} has no from_frame()")

    def difference(self, other: Self) -> float:
        """Return the largest absolute difference to the same rows of another run.

        Infinite where one has a value and the other has none.
        """
        raise TypeError(f"{type(self).__name__} has no difference()")

    def blank(self, count: int) -> pl.DataFrame:
        """Return `count` rows of columns without a value."""
        return pl.DataFrame(
            {
                name: pl.repeat(
                    "" if kind == pl.String else float("nan"), count, dtype=kind, eager=True
                )
                for name, kind in self.frame().schema.items()
            }
        )

    def spread(self, index: IndexArray, count: int, reason: int) -> Self:
        """Return `count` rows that hold these at `index`, and `reason` elsewhere."""
        place = np.full(count, len(self), np.int64)
        place[index] = np.arange(len(self))
        reasons = np.append(self.reason, np.uint8(reason))[place]
        flags = np.append(self.flags, np.uint16(0))[place]
        frame = self.frame()
        if frame.width:
            frame = pl.concat([frame, self.blank(1)])[place]
        return type(self).from_frame(frame, reasons, flags)

    def take(self, index: IndexArray) -> Self:
        """Return the rows at `index`, in that order."""
        picked = self.frame()[index] if self.frame().width else self.frame()
        return type(self).from_frame(picked, self.reason[index], self.flags[index])


@dataclass(frozen=True, repr=False)
class Numbers(RowValue):
    """Named numbers per row: float64 columns of shape (n,), NaN where `reason` is not 0."""

    columns: Mapping[str, FloatArray]

    def __getitem__(self, name: str) -> FloatArray:
        """Return one column."""
        return self.columns[name]

    def frame(self) -> pl.DataFrame:
        """Return one float64 column per name."""
        return pl.DataFrame(dict(self.columns))

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, reason: ReasonArray, flags: FlagArray) -> Self:
        """Return the value that `frame` made."""
        return cls(reason, flags, {name: frame[name].to_numpy() for name in frame.columns})

    @classmethod
    def of_table(
        cls, reason: ReasonArray, flags: FlagArray, names: Sequence[str], table: FloatArray
    ) -> Self:
        """Return one column per name; a row with a number that is not finite has none.

        Args:
            reason: why a row has no numbers, 0 where `table` has them. Shape (n,).
            flags: shape (n,).
            names: of the columns.
            table: shape (n, columns).
        """
        broken = (reason == 0) & ~np.isfinite(table).all(axis=1)
        reason = np.where(broken, np.uint8(Reason.NON_FINITE), reason)
        known = np.where(reason[:, None] == 0, table, np.nan)
        return cls(reason, flags, dict(zip(names, np.ascontiguousarray(known.T), strict=True)))

    def difference(self, other: Self) -> float:
        """Return the largest absolute difference over all columns."""
        worst = 0.0
        for name, mine in self.columns.items():
            theirs = other.columns[name]
            if (np.isnan(mine) != np.isnan(theirs)).any():
                return float("inf")
            known = ~np.isnan(mine)
            worst = max(worst, float(np.abs(mine[known] - theirs[known]).max(initial=0.0)))
        return worst


@dataclass(frozen=True, repr=False)
class Labels(RowValue):
    """One word per row, such as a language; an empty word where `reason` is not 0."""

    values: pl.Series

    def frame(self) -> pl.DataFrame:
        """Return the single column "value"."""
        return self.values.rename("value").to_frame()

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, reason: ReasonArray, flags: FlagArray) -> Self:
        """Return the value that `frame` made."""
        return cls(reason, flags, frame["value"])

    def difference(self, other: Self) -> float:
        """Return 0 if all words are equal, else infinity."""
        return 0.0 if self.values.to_list() == other.values.to_list() else float("inf")


@dataclass(frozen=True, repr=False)
class Texts(RowValue):
    """A text per row that a model wrote; an empty one where `reason` is not 0.

    `tokens` shape (n,), float64, NaN where nobody counted. `finish` says how each ended: "stop",
    "length" at its limit, "empty" with blanks alone; an empty word where `reason` is not 0.
    """

    values: pl.Series
    tokens: FloatArray
    finish: pl.Series

    def frame(self) -> pl.DataFrame:
        """Return the columns "text", "tokens" and "finish"."""
        return pl.DataFrame({"text": self.values, "tokens": self.tokens, "finish": self.finish})

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, reason: ReasonArray, flags: FlagArray) -> Self:
        """Return the value that `frame` made."""
        return cls(reason, flags, frame["text"], frame["tokens"].to_numpy(), frame["finish"])

    def difference(self, other: Self) -> float:
        """Return the share of rows that begin otherwise, or have a text in one alone, in [0, 1]."""
        # Where two tokens are as probable as rounding, a text goes another way from there.
        begun = self.values.str.head(_BEGINNING) == other.values.str.head(_BEGINNING)
        alike = begun.to_numpy() & (self.reason == other.reason)
        return float(np.mean(~alike)) if len(self) else 0.0


@dataclass(frozen=True, repr=False)
class Matrix(RowValue):
    """One vector per row, possibly on disk: never a promise of memory.

    `vectors` has shape (n, d), float16 or float32, zero where `reason` is not 0. Of vectors on disk
    `rows` and `blocks` read and check what they return, `array` checks all.
    """

    vectors: NDArray[np.floating] | StoredVectors

    matrix: ClassVar[bool] = True

    @property
    def array(self) -> NDArray[np.floating]:
        """All vectors as they are kept. Shape (n, d)."""
        return as_array(self.vectors)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.vectors.shape[1])

    def rows(self, index: IndexArray | slice) -> Float32Array:
        """Return some vectors as float32, shape (len(index), d)."""
        return np.asarray(self.vectors[index], dtype=np.float32)

    def blocks(self, size: int = _BLOCK_ROWS) -> Iterator[tuple[int, Float32Array]]:
        """Yield the position of each block's first row, and the block as float32."""
        for start in range(0, len(self), size):
            yield start, self.rows(slice(start, start + size))

    @cached_property
    def unit(self) -> Float32Array:
        """All vectors scaled to length 1, float32, in memory; zero vectors stay zero."""
        whole = np.empty(self.vectors.shape, np.float32)
        for start, block in self.blocks():
            whole[start : start + len(block)] = at_unit_length(block)
        return whole

    def frame(self) -> pl.DataFrame:
        """Return no columns: vectors are stored beside the frame."""
        return pl.DataFrame()

    def take(self, index: IndexArray) -> Self:
        """Return the rows at `index`, in that order."""
        return type(self)(self.reason[index], self.flags[index], np.asarray(self.vectors[index]))

    def spread(self, index: IndexArray, count: int, reason: int) -> Self:
        """Return `count` rows that hold these at `index`, and `reason` with zeros elsewhere."""
        array = np.zeros((count, self.dimension), self.vectors.dtype)
        array[index] = self.array
        reasons = np.full(count, reason, np.uint8)
        reasons[index] = self.reason
        flags = np.zeros(count, np.uint16)
        flags[index] = self.flags
        return type(self)(reasons, flags, array)

    def difference(self, other: Self) -> float:
        """Return the largest absolute difference of any coordinate."""
        if self.vectors.shape != other.vectors.shape:
            return float("inf")
        mine, theirs = self.rows(slice(None)), other.rows(slice(None))
        return float(np.abs(mine - theirs).max(initial=0.0))


@dataclass(frozen=True, repr=False)
class LogProbs(RowValue):
    """Log-probabilities of each row's scored tokens: natural logarithms, summed over the tokens.

    Attributes:
        sum: shape (n,), NaN where `reason` is not 0.
        count: shape (n,), float64; tokens that are scored.
        prompt_tokens: shape (n,); tokens that are not scored, before anything was cut.
        response_tokens: shape (n,); tokens of the answers, before anything was cut.
        total_tokens: shape (n,); tokens that went through the model.
        turn_sums: lists of float64, one number per scored turn; None unless turns are apart.
        turn_counts: the same of their tokens.
        tokens: lists of float32, one number per scored token; None unless they were asked for.
    """

    sum: FloatArray
    count: FloatArray
    prompt_tokens: FloatArray
    response_tokens: FloatArray
    total_tokens: FloatArray
    turn_sums: pl.Series | None = None
    turn_counts: pl.Series | None = None
    tokens: pl.Series | None = None

    _PLAIN: ClassVar[tuple[str, ...]] = (
        "sum", "count", "prompt_tokens", "response_tokens", "total_tokens"
    )  # fmt: skip
    _LISTS: ClassVar[tuple[str, ...]] = ("turn_sums", "turn_counts", "tokens")

    def mean(self) -> FloatArray:
        """Return the mean log-probability of a token, or of the turns' means. Shape (n,)."""
        if self.turn_sums is not None and self.turn_counts is not None:
            frame = pl.DataFrame({"sum": self.turn_sums, "count": self.turn_counts})
            means = frame.select((pl.col("sum") / pl.col("count")).list.mean().fill_null(np.nan))
            return np.where(self.reason == 0, means["sum"].to_numpy(), np.nan)
        empty = np.full(len(self), np.nan)
        return np.divide(self.sum, self.count, out=empty, where=self.count > 0)

    def frame(self) -> pl.DataFrame:
        """Return a column per array, and the lists that there are."""
        columns: dict[str, FloatArray | pl.Series] = {
            name: getattr(self, name) for name in self._PLAIN
        }
        lists = {name: getattr(self, name) for name in self._LISTS}
        return pl.DataFrame(columns | {k: v for k, v in lists.items() if v is not None})

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, reason: ReasonArray, flags: FlagArray) -> Self:
        """Return the value that `frame` made."""
        plain = (frame[name].to_numpy() for name in cls._PLAIN)
        lists = (frame[name] if name in frame.columns else None for name in cls._LISTS)
        return cls(reason, flags, *plain, *lists)  # type: ignore[arg-type]

    def blank(self, count: int) -> pl.DataFrame:
        """Return `count` rows of columns without a value."""
        columns = [pl.Series(name, np.full(count, np.nan)) for name in self._PLAIN]
        columns += [
            pl.Series(name, [None] * count, dtype=own.dtype)
            for name in self._LISTS
            if (own := getattr(self, name)) is not None
        ]
        return pl.DataFrame(columns)

    def difference(self, other: Self) -> float:
        """Return the largest absolute difference of the mean."""
        mine, theirs = self.mean(), other.mean()
        if (np.isnan(mine) != np.isnan(theirs)).any():
            return float("inf")
        known = ~np.isnan(mine)
        return float(np.abs(mine[known] - theirs[known]).max(initial=0.0))


@dataclass(frozen=True, repr=False)
class Groups(Brief):
    """A partition of the rows, such as near-duplicate groups.

    `labels` shape (n,), int64: the lowest position of each row's group, so a row alone has its
    own; `similarity` shape (n,), to the nearest other row of the group, NaN for a row alone.
    """

    labels: IndexArray
    similarity: FloatArray

    @property
    def representative(self) -> NDArray[np.bool_]:
        """Whether a row is the first of its group. Shape (n,)."""
        return self.labels == np.arange(len(self.labels))
