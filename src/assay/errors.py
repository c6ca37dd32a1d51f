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

Where an error names a parameter, it names a `Parameter` in a `Phrase`, and whoever shows the error
spells it as its reader writes it: ``model="gpt2"`` in Python, ``--model gpt2`` on the command line,
``defaults.language_model: gpt2`` in a run's file. Nothing below the command line knows of its
options.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Self, TypeAlias

from assay.wording import plain


@dataclass(frozen=True)
class Parameter:
    """Something that a person may set, for each reader to be written as they set it.

    Attributes:
        name: as Python calls it; a dot leads into a part of it, such as ``rendering.template``.
        value: one that would do; None where the parameter itself is meant.
    """

    name: str
    value: str | Mapping[str, str] | None = None

    def __str__(self) -> str:
        return in_python(self)


Spelling: TypeAlias = Callable[[Parameter], str]
"""How a kind of reader writes a parameter."""

_OWNERS = {
    "Runtime": ("device", "max_cost", "max_unscored", "offline", "price", "shard"),
    "Project": ("data", "folder", "hold_out", "max_set_aside"),
    "SourceSpec": ("mapping",),
    "Recipe": ("batch_size", "device_batch", "epochs", "learning_rate", "max_length"),
}
_OWNER_OF = {name: owner for owner, names in _OWNERS.items() for name in names}
_SHARES = ("hold_out", "max_set_aside", "max_unscored")
_SWITCHES = ("offline", "replace")
_IN_PYTHON = {"format": "layout"}  # where `export` takes what the command line calls a format


def in_python(parameter: Parameter) -> str:
    """Return a parameter as Python writes it: ``model="gpt2"``, ``Runtime(offline=True)``."""
    name, _, inner = parameter.name.partition(".")
    owner = _OWNER_OF.get(name)
    written = f"{_IN_PYTHON.get(name, name)}={_value_in_python(name, inner, parameter.value)}"
    return f"{owner}({written})" if owner else written


def _value_in_python(name: str, inner: str, value: str | Mapping[str, str] | None) -> str:
    if name in _SWITCHES:
        return "True"
    if value is None:
        return "..."
    if isinstance(value, str) and name in _SHARES and value.endswith("%"):
        return f"{float(value[:-1]) / 100:g}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_quoted(k)}: {_quoted(v)}' for k, v in value.items())}}}"
    if inner:
        return f"{{{_quoted(inner)}: {_quoted(value)}}}"
    return value if _is_number(value) else _quoted(value)


def _quoted(text: str) -> str:
    return f'"{text}"' if '"' not in text and "\\" not in text else repr(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class Phrase:
    """Words that name parameters, each of which every reader sees as they write it.

    Args:
        template: the words, ``{}`` for each part, as `str.format` reads it.
        *parts: parameters, texts, or phrases.
    """

    def __init__(self, template: str, *parts: "Words") -> None:
        self._template, self._parts = template, parts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Phrase) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        return self.spelled(in_python)

    def __repr__(self) -> str:
        return f"Phrase({str(self)!r})"

    def spelled(self, spelling: Spelling) -> str:
        """Return the words with every parameter as `spelling` writes it."""
        return self._template.format(*(spelled(part, spelling) for part in self._parts))


Words: TypeAlias = str | Parameter | Phrase
"""A sentence that is the same for every reader, or one that names parameters."""


def spelled(words: Words, spelling: Spelling) -> str:
    """Return words as one kind of reader reads them."""
    if isinstance(words, Parameter):
        return spelling(words)
    return words.spelled(spelling) if isinstance(words, Phrase) else words


def joined(sentences: Sequence[Words]) -> Words:
    """Return sentences as one, with semicolons between them."""
    return Phrase("; ".join(["{}"] * len(sentences)), *sentences)


class AssayError(Exception):
    """Something the user can put right; `hint` says how.

    Where a description was read, `place` has the keys and positions that lead to what is wrong.
    `message` and `hint` are words of Python, and so is ``str(error)``, which holds both and spells
    what cannot be seen; `reported` gives them as another reader needs them.
    """

    exit_code = 1
    place: tuple[str | int, ...] = ()

    def __init__(self, message: Words, *, hint: Words | None = None) -> None:
        super().__init__(message)
        self._message = message
        self._hint = hint
        self._file: Callable[[Parameter], str | None] | None = None

    def __str__(self) -> str:
        # A traceback reaches a screen as it is, and an error may quote a row.
        return plain(f"{self.message}\nhint: {self.hint}" if self.hint else self.message)

    @property
    def message(self) -> str:
        """What is wrong."""
        return self.reported()[0]

    @message.setter
    def message(self, words: Words) -> None:
        self._message = words
        self.args = (words,)

    @property
    def hint(self) -> str | None:
        """What to do about it; None where nobody knows."""
        return self.reported()[1]

    @hint.setter
    def hint(self, words: Words | None) -> None:
        self._hint = words

    def reported(self, spelling: Spelling = in_python) -> tuple[str, str | None]:
        """Return message and hint with parameters as a kind of reader writes them."""
        in_file = self._file

        def spell(parameter: Parameter) -> str:
            return (in_file and in_file(parameter)) or spelling(parameter)

        hint = None if self._hint is None else spelled(self._hint, spell)
        return spelled(self._message, spell), hint

    @property
    def words(self) -> tuple[Words, Words | None]:
        """Message and hint, for an error that tells of this one."""
        return self._message, self._hint

    def sentence(self) -> Words:
        """Return message and hint in one sentence."""
        return self._message if self._hint is None else Phrase("{} ({})", self._message, self._hint)

    def __reduce__(self) -> tuple[object, ...]:
        # What a subclass is made from is not what it keeps, so a worker's error is put together.
        return _put_together, (type(self), self.args, self.__dict__)

    def of_file(self, spelling: Callable[[Parameter], str | None]) -> Self:
        """Take the error as one of work that a file asks for, and return it.

        Args:
            spelling: how the file writes a parameter, None for one that cannot stand in it.
        """
        self._file = spelling
        return self


def _put_together(
    kind: type[AssayError], arguments: tuple[object, ...], content: Mapping[str, object]
) -> AssayError:
    error = kind.__new__(kind, *arguments)
    error.__dict__.update(content)
    return error


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

    def __init__(self, what: Words, extra: str) -> None:
        super().__init__(
            Phrase("{} needs the optional extra {}", what, repr(extra)),
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
    """Some rows could not be read in this run; what is done is kept, and a rerun goes on."""

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

    def __init__(
        self, message: Words, *, hint: Words | None = None, path: Path | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.path = path


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return a sentence naming the known words nearest to `name`, or None if none is near."""
    near = get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(repr(word) for word in near)}?" if near else None
