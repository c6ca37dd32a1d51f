"""What can go wrong, as one tree.

AssayError
├── UsageError
├── ConfigError
├── DataError
│   ├── FormatError
│   └── EmptyPoolError
├── UnknownMethodError
├── MissingExtraError
├── PlanError
├── BudgetError
├── FeatureError
│   ├── ModelLoadError
│   ├── NonFiniteError
│   └── UnfinishedError
├── TooManyUnscoredError
├── IncompleteError
└── CacheError
    └── DamagedError

Every error a user can act on is one of these; programming errors stay ordinary exceptions. The
command line prints ``error: <message>`` and ``hint: <hint>`` and exits with ``exit_code``.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class AssayError(Exception):
    """Something the user can put right; `hint` says how.

    Where a description was read, `place` has the keys and positions that lead to what is wrong.
    """

    exit_code = 1
    place: tuple[str | int, ...] = ()

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(AssayError):
    """The command line itself is wrong."""

    exit_code = 2


class ConfigError(AssayError):
    """A configuration file or a parameter is wrong."""


class DataError(AssayError):
    """The data cannot be used as it is."""


class FormatError(DataError):
    """A file is broken, or its layout is not known; names file, place and remedy."""


class EmptyPoolError(DataError):
    """No usable row is left."""


class UnknownMethodError(AssayError):
    """No component has that name; the hint lists the nearest ones."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"no method is called {name!r}",
            hint=did_you_mean(name, known) or "`assay methods` lists them all",
        )


class MissingExtraError(AssayError):
    """An optional dependency is needed; the hint is the exact install line."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the optional extra {extra!r}",
            hint=f"pip install 'assay[{extra}]'",
        )


class PlanError(AssayError):
    """The work cannot start; the message lists every refusal at once."""


class BudgetError(AssayError):
    """A budget that cannot be read or cannot be met."""


class FeatureError(AssayError):
    """A feature could not be computed for any row."""


class ModelLoadError(FeatureError):
    """A model could not be opened."""


class TuningError(FeatureError):
    """A training came to nothing: it changed no weight."""


class NonFiniteError(FeatureError):
    """A matrix that must be finite holds NaN or infinity."""


class UnfinishedError(FeatureError):
    """Some rows could not be read for now; what is done is kept, and a rerun goes on."""

    exit_code = 3


class TooManyUnscoredError(AssayError):
    """More rows failed to score than the limit allows; the message holds a table of reasons."""

    exit_code = 3


class IncompleteError(AssayError):
    """Another line has to run first; the hint is that line."""

    exit_code = 4


class CacheError(AssayError):
    """A file of the cache or of a project cannot be read; the hint says how to rebuild it."""


class DamagedError(CacheError):
    """A stored file does not hold any more what was written; it was set aside under another name.

    `path` is where it was.
    """

    def __init__(self, message: str, *, hint: str | None = None, path: Path | None = None) -> None:
        super().__init__(message, hint=hint)
        self.path = path


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return a sentence naming the known words nearest to `name`, or None if none is near."""
    near = get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(repr(word) for word in near)}?" if near else None
