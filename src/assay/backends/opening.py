"""Opens models of the transformers library: safetensors alone, none of their code, every tensor."""

from collections.abc import Callable, Mapping
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
    library.transformers.utils.logging.disable_progress_bar()
    try:
        model, report = getattr(library.transformers, kind.opens).from_pretrained(
            library.place,
            dtype=getattr(library.torch, dtype),
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **library.access,
        )
    except unreadable() as error:
        raise ModelLoadError(
            f"{library.name} cannot be opened as {kind.called}: {reason(error)}",
            hint="name a folder with config.json, safetensors and tokenizer, or org/name",
        ) from error
    fault = kind.unfit(model)
    if fault:
        raise ModelLoadError(f"{library.name} is no {kind.noun}: {fault}", hint=kind.will_do)
    # The library draws lots for weights that are missing, and drops those it has no use for.
    fault = misfit(report["missing_keys"], report["unexpected_keys"])
    if fault:
        raise ModelLoadError(
            f"{library.name} is no {kind.noun} as its config.json says: {fault}",
            hint=f"config.json and all weights must be of one model; {kind.will_do}",
        )
    return model
