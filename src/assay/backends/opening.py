"""Opens models of the transformers library: safetensors alone, none of their code, every tensor."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from assay.backends.model_files import reason, unreadable
from assay.backends.weights import misfit
from assay.components.references import DType
from assay.errors import MissingExtraError, ModelLoadError

UNLIMITED = 1 << 20
"""Tokens that a model may be given that names no limit of its own."""


class Library(NamedTuple):
    """The libraries that open and run models, and where one of these lies.

    Attributes:
        torch: the module.
        transformers: the module.
        name: what it is called.
        place: folder or ``org/name``.
        access: commit, and whether the network may be asked, as transformers takes them.
    """

    torch: Any
    transformers: Any
    name: str
    place: str
    access: Mapping[str, Any]

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of the libraries."""
        return {"torch": self.torch.__version__, "transformers": self.transformers.__version__}


class Kind(NamedTuple):
    """A kind of model: the class of transformers that opens it, and words on it.

    Attributes:
        opens: name of the class.
        called: with its article, such as "a causal language model".
        will_do: which models are of this kind.
        unfit: what is wrong with a model that the class opens all the same; "" for nothing.
    """

    opens: str
    called: str
    will_do: str
    unfit: Callable[[Any], str] = lambda model: ""

    @property
    def noun(self) -> str:
        """What it is called, without the article."""
        return self.called.partition(" ")[2]


def find_library(
    what: str, name: str, place: str, *, revision: str | None, offline: bool
) -> Library:
    """Return the libraries, with the place of a model.

    Args:
        what: the model is to be, for an error.
        name: what it is called.
        place: folder or ``org/name``.
        revision: commit on the Hub; None for a folder.
        offline: never touch the network.

    Raises:
        MissingExtraError: if one is not installed.
    """
    try:
        import torch  # noqa: PLC0415  heavy
        import transformers  # noqa: PLC0415  heavy
    except ImportError as error:
        raise MissingExtraError(f"{what} {name}", "models") from error
    access = {"revision": revision, "local_files_only": offline or revision is None}
    return Library(torch, transformers, name, place, access)


def open_tokenizer(library: Library) -> Any:
    """Return a model's tokenizer.

    Raises:
        ModelLoadError: if it cannot be opened.
    """
    try:
        return library.transformers.AutoTokenizer.from_pretrained(
            library.place, trust_remote_code=False, **library.access
        )
    except unreadable() as error:
        raise ModelLoadError(
            f"the tokenizer of {library.name} cannot be opened: {reason(error)}"
        ) from error


def open_model(library: Library, kind: Kind, dtype: DType) -> Any:
    """Return a model with all its weights.

    Raises:
        ModelLoadError: if it cannot be opened, or is of another kind.
    """
    model, report = _from_pretrained(library, kind, dtype)
    # The library draws lots for weights that are missing, and drops those it has no use for.
    _check_fit(library, kind, report["missing_keys"], report["unexpected_keys"])
    return model


def open_without_head(
    library: Library, kind: Kind, dtype: DType, **settings: Any
) -> tuple[Any, tuple[str, ...]]:
    """Return a model whose output layer is another one than its own, and which weights are new.

    Those of its body are all its own. A layer that fits stays; of one that does not, and of one
    that has no use here, nothing is left.

    Args:
        library: where the model lies.
        kind: of the model that it becomes.
        dtype: number format of its weights.
        settings: of the model that it becomes.

    Raises:
        ModelLoadError: if it cannot be opened, or takes no such layer.
    """
    model, report = _from_pretrained(library, kind, dtype, ignore_mismatched_sizes=True, **settings)
    new = {*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])}
    body = f"{model.base_model_prefix}."
    _check_fit(
        library,
        kind,
        [name for name in new if name.startswith(body) and ".pooler." not in name],
        [name for name in report["unexpected_keys"] if name.startswith(body)],
    )
    return model, tuple(sorted(new))


def head_weights(model: Any) -> list[str]:
    """Return the names of the weights that are not of a model's body."""
    body = f"{model.base_model_prefix}."
    return [name for name, _ in model.named_parameters() if not name.startswith(body)]


def open_settings(library: Library, place: str) -> Any:
    """Return the settings of a model that lies where the library's does, or in another folder.

    Raises:
        ModelLoadError: if they cannot be read.
    """
    access = library.access if place == library.place else {"local_files_only": True}
    try:
        return library.transformers.AutoConfig.from_pretrained(
            place, trust_remote_code=False, **access
        )
    except unreadable() as error:
        raise ModelLoadError(f"the settings of {place} cannot be read: {reason(error)}") from error


@contextlib.contextmanager
def _without_report(library: Library) -> Iterator[None]:
    """Let the library not tell which weights lack or are new: that is told by us, or as wanted."""
    logging = library.transformers.utils.logging
    said = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(said)


def _from_pretrained(library: Library, kind: Kind, dtype: DType, **settings: Any) -> Any:
    """Return a model, and which of its weights were read."""
    library.transformers.utils.logging.disable_progress_bar()
    try:
        with _without_report(library):
            model, report = getattr(library.transformers, kind.opens).from_pretrained(
                library.place,
                dtype=getattr(library.torch, dtype),
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
                **library.access,
                **settings,
            )
    except unreadable() as error:
        raise ModelLoadError(
            f"{library.name} cannot be opened as {kind.called}: {reason(error)}",
            hint="name a folder with config.json, safetensors and tokenizer, or org/name",
        ) from error
    fault = kind.unfit(model)
    if fault:
        raise ModelLoadError(f"{library.name} is no {kind.noun}: {fault}", hint=kind.will_do)
    return model, report


def _check_fit(
    library: Library, kind: Kind, missing: Iterable[str], unexpected: Iterable[str]
) -> None:
    fault = misfit(missing, unexpected)
    if fault:
        raise ModelLoadError(
            f"{library.name} is no {kind.noun} as its config.json says: {fault}",
            hint=f"config.json and all weights must be of one model; {kind.will_do}",
        )
