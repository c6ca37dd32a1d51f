"""Models by name: causal language models, sequence classifiers, text-to-text models."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.backends.embedded.embedded_lm import EmbeddedModel, embedded_digest
from assay.backends.endpoint.endpoint_address import pin_address
from assay.backends.gguf.conversion import gguf_digest, gguf_folder
from assay.backends.opening import head_weights, open_settings, open_without_head
from assay.backends.packages import model_file
from assay.backends.pins import check_same, folder_digest, is_pinned, pin_model, split_pin
from assay.backends.weights import adapter_base, check_brought, is_adapter, merge_adapter
from assay.components.references import EMBEDDED_MODEL, LANGUAGE_MODELS, UNTRAINED, is_endpoint
from assay.errors import ModelLoadError, Parameter, Phrase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assay.backends.opening import Kind, Library
    from assay.backends.sequence_classifier import SequenceClassifier
    from assay.components.references import DType
    from assay.models.classifier import Classifier
    from assay.models.gradients import GradientModel
    from assay.models.language_model import LanguageModel
    from assay.models.text_to_text import TextToText
    from assay.models.workplace import Workplace

_CHECKED = "tensor by tensor"
"""Part of the digests of adapters, which were once opened unchecked: what is kept from then, under
another digest, is read no more."""
_KINDS = Phrase("{}, {}", Parameter("model", "gpt2"), LANGUAGE_MODELS)


def pin_language_model(text: str, *, offline: bool) -> str:
    """Return a language model's name followed by the digest of what it names.

    Raises:
        ModelLoadError: if none is named, or nothing of that name can be found.
    """
    if not text:
        raise ModelLoadError("this reads a causal language model, and none is named", hint=_KINDS)
    if is_endpoint(text):
        return pin_address(text, offline=offline)
    if is_pinned(text):
        return text
    if text == EMBEDDED_MODEL:
        return f"{text}@{embedded_digest()}"
    if text.startswith("assay:"):
        raise ModelLoadError(f"no language model is called {text!r}", hint=_KINDS)
    file = model_file(text)
    if file is not None:
        return f"{text}@{gguf_digest(file)}"
    if is_adapter(Path(text)):
        return f"{text}@{_adapter_pin(text, offline=offline)[1]}"
    return pin_model("language model", text, offline=offline)


def _adapter_pin(text: str, *, offline: bool) -> tuple[str, str]:
    """Return the pinned base of an adapter's folder, and the digest of both together.

    Raises:
        ModelLoadError: if the base is not found, or is not the one that the adapter names.
    """
    name, revision = adapter_base(Path(text))
    local = Path(name).exists()
    fixed = revision is not None and is_pinned(f"{name}@{revision}")
    base = pin_language_model(name if local or not fixed else f"{name}@{revision}", offline=offline)
    if local and fixed:
        check_same(name, split_pin(base)[1], str(revision))
    parts = f"{folder_digest(Path(text))} {split_pin(base)[1]} {_CHECKED}"
    return base, hashlib.blake2b(parts.encode(), digest_size=6).hexdigest()


def pin_whole_model(kind: str, text: str, *, offline: bool) -> str:
    """Return the name of a model that reads rows whole, followed by the digest of what it names.

    Args:
        kind: "classifier" or "text_to_text".
        text: the name, pinned or not.
        offline: never touch the network.

    Raises:
        ModelLoadError: if nothing of that name can be found.
    """
    called = {"text_to_text": "text-to-text model"}.get(kind, kind)
    if is_pinned(text):
        return text
    if kind == "classifier" and text.startswith(UNTRAINED):
        return UNTRAINED + pin_language_model(text.removeprefix(UNTRAINED), offline=offline)
    if kind == "classifier" and is_adapter(Path(text)):
        return f"{text}@{_adapter_pin(text, offline=offline)[1]}"
    return pin_model(called, text, offline=offline)


def load_classifier(pinned: str, dtype: "DType", runtime: "Workplace") -> "Classifier":
    """Return the sequence classifier of a pinned name, on the workplace's first device.

    Raises:
        ModelLoadError: if it cannot be opened or no longer has that digest.
        MissingExtraError: if torch or transformers is not installed.
    """
    from assay.backends.sequence_classifier import SequenceClassifier  # noqa: PLC0415  opens models

    if pinned.startswith(UNTRAINED):
        return open_with_head(pinned.removeprefix(UNTRAINED), (), dtype, runtime)[0]
    adapter = Path(split_pin(pinned)[0])
    if not (is_adapter(adapter) and (adapter / "config.json").is_file()):
        return SequenceClassifier(**_opened(pinned, dtype, runtime))
    root, adapters = _adapters_of(pinned, offline=runtime.offline)

    def opens(library: "Library", kind: "Kind", dtype: "DType") -> Any:
        settings = open_settings(library, str(adapter))
        module, new = open_without_head(library, kind, dtype, config=settings)
        check_brought(adapter, new)
        for each in adapters:
            module = merge_adapter(module, each)
        return module

    found = _root(root, split_pin(pinned)[1], dtype, runtime)
    return SequenceClassifier(**found, opens=opens)


def open_with_head(
    pinned: str, words: "Sequence[str]", dtype: "DType", runtime: "Workplace"
) -> "tuple[SequenceClassifier, tuple[str, ...]]":
    """Return a model as a classifier to be trained, and which of its weights are new.

    Args:
        pinned: a language model, an encoder or a classifier; adapters are merged into their base.
        words: that the classifier is to tell apart; none for one that gives a number.
        dtype: number format of its weights.
        runtime: device, and whether the network may be asked.

    Raises:
        ModelLoadError: if it cannot be opened, or takes no output layer.
        MissingExtraError: if torch, transformers or PEFT is not installed.
    """
    from assay.backends.sequence_classifier import SequenceClassifier  # noqa: PLC0415  opens models

    root, adapters = _adapters_of(pinned, offline=runtime.offline)
    new: tuple[str, ...] = ()
    named = dict(enumerate(words)) or {0: "number"}

    def opens(library: "Library", kind: "Kind", dtype: "DType") -> Any:
        nonlocal new
        before = open_settings(library, library.place).id2label
        module, new = open_without_head(
            library,
            kind,
            dtype,
            id2label=named,
            label2id={word: place for place, word in named.items()},
            problem_type="single_label_classification" if words else "regression",
        )
        if words and before != named:  # a layer for other words is of no use
            new = tuple(sorted({*new, *head_weights(module)}))
        for each in adapters:
            module = merge_adapter(module, each)
        return module

    found = _root(root, split_pin(pinned)[1], dtype, runtime)
    opened = SequenceClassifier(**found, opens=opens)
    return opened, new


def _adapters_of(pinned: str, *, offline: bool) -> tuple[str, list[Path]]:
    """Return the pinned model that adapters were made for, and these, the first to merge first."""
    adapters: list[Path] = []
    name, digest = split_pin(pinned)
    while is_adapter(Path(name)):
        adapters.insert(0, Path(name))
        pinned, found = _adapter_pin(name, offline=offline)
        check_same(name, found, digest)
        name, digest = split_pin(pinned)
    return pinned, adapters


def _root(root: str, identity: str, dtype: "DType", runtime: "Workplace") -> dict[str, Any]:
    """Return what opens the whole model that adapters are merged into, if there are any.

    Raises:
        ModelLoadError: if its weights are not here, or no longer have their digest.
    """
    name, digest = split_pin(root)
    if is_endpoint(root) or name == EMBEDDED_MODEL:
        raise ModelLoadError(
            f"{name} cannot be trained: its weights are not here",
            hint="name a folder with safetensors, or org/name",
        )
    file = model_file(name)
    if file is not None:
        check_same(name, gguf_digest(file), digest)
        folder = gguf_folder(file, digest, runtime)
        root = f"{folder}@{folder_digest(folder)}"
    return _opened(root, dtype, runtime) | {"identity": identity}


def load_text_to_text(pinned: str, dtype: "DType", runtime: "Workplace") -> "TextToText":
    """Return the text-to-text model of a pinned name, on the workplace's first device.

    Raises:
        ModelLoadError: if it cannot be opened or no longer has that digest.
        MissingExtraError: if torch or transformers is not installed.
    """
    from assay.backends.seq2seq import TextToTextModel  # noqa: PLC0415  opens models

    return TextToTextModel(**_opened(pinned, dtype, runtime))


def load_gradients(
    pinned: str, parameters: tuple[str, ...], dtype: "DType", runtime: "Workplace"
) -> "GradientModel":
    """Return the causal model of a pinned name to be differentiated, on the first device.

    Args:
        pinned: the model; the adapter of one stays beside the weights of its base.
        parameters: patterns of the names of those that it is differentiated by.
        dtype: number format of weights and products.
        runtime: device, and whether the network may be asked.

    Raises:
        ConfigError: if a pattern fits no parameter.
        ModelLoadError: if it cannot be opened or no longer has that digest.
        MissingExtraError: if torch or transformers is not installed, or PEFT for an adapter.
    """
    name, digest = split_pin(pinned)
    adapter = Path(name) if is_adapter(Path(name)) else None
    if adapter is not None:
        pinned, found = _adapter_pin(name, offline=runtime.offline)
        check_same(name, found, digest)
    opened = load_language_model(pinned, dtype, runtime, runs=False)
    # torch is there by now
    from assay.backends.causal_lm import TransformersModel  # noqa: PLC0415
    from assay.backends.sample_gradients import ExactGradients  # noqa: PLC0415

    if not isinstance(opened, TransformersModel):
        raise ModelLoadError(f"{name} cannot be differentiated", hint=_KINDS)
    return ExactGradients(opened, parameters, runtime.devices()[0], adapter=adapter)


def _opened(pinned: str, dtype: "DType", runtime: "Workplace") -> dict[str, Any]:
    """Return what opens a whole model: its name is checked, and adapters are refused."""
    name, digest = split_pin(pinned)
    local = Path(name).exists()
    if is_adapter(Path(name)):
        raise ModelLoadError(
            f"{name} holds an adapter, and no whole model", hint="merge it into its base first"
        )
    if local:
        check_same(name, folder_digest(Path(name)), digest)
    return {
        "name": name,
        "revision": None if local else digest,
        "dtype": dtype,
        "device": runtime.devices()[0],
        "budgets": runtime.cache / "token_budgets",
        "identity": digest,
        "offline": runtime.offline,
    }


def load_language_model(
    pinned: str, dtype: "DType", runtime: "Workplace", *, runs: bool = True
) -> "LanguageModel":
    """Return the model that a pinned name stands for, on the workplace's first device.

    Args:
        pinned: a model's name and digest; of an adapter, its folder.
        dtype: number format of weights and products.
        runtime: device, and whether the network may be asked.
        runs: put it on the device; else it is only opened, to be trained.

    Raises:
        ModelLoadError: if it cannot be opened or no longer has that digest.
        MissingExtraError: if torch or transformers is not installed.
    """
    if is_endpoint(pinned):
        from assay.backends.endpoint.http_lm import load_endpoint  # noqa: PLC0415  asks the server

        if not runs:
            raise ModelLoadError(f"{pinned} is behind HTTP, and cannot be trained", hint=_KINDS)
        return load_endpoint(pinned, dtype, runtime)
    name, digest = split_pin(pinned)
    if name == EMBEDDED_MODEL:
        check_same(name, embedded_digest(), digest)
        if not runs:
            raise ModelLoadError(f"{name} is for scoring, and cannot be trained", hint=_KINDS)
        return EmbeddedModel(dtype, runtime.devices()[0])
    from assay.backends.causal_lm import TransformersModel  # noqa: PLC0415  opens models

    file = model_file(name)
    local = file is not None or Path(name).exists()
    if is_adapter(Path(name)):
        base, found = _adapter_pin(name, offline=runtime.offline)
        check_same(name, found, digest)
        opened = load_language_model(base, dtype, runtime, runs=runs)
        if not isinstance(opened, TransformersModel):
            raise ModelLoadError(f"the base of {name} takes no adapter", hint=_KINDS)
        opened.merge(Path(name))
        return opened
    if file is not None:
        check_same(name, gguf_digest(file), digest)
    elif local:
        check_same(name, folder_digest(Path(name)), digest)
    return TransformersModel(
        name,
        place=str(gguf_folder(file, digest, runtime)) if file is not None else name,
        revision=None if local else digest,
        dtype=dtype,
        device=runtime.devices()[0] if runs else "",
        budgets=runtime.cache / "token_budgets",
        identity=digest,
        offline=runtime.offline,
    )
