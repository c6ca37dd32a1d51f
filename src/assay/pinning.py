"""Names of things outside, pinned to their content, so that keys depend on that and on no path."""

from collections.abc import Callable, Mapping
from pathlib import Path

from assay.components.references import name_of
from assay.errors import ModelLoadError
from assay.files import absence, file_digest, is_pipe
from assay.rendering.questions import pin_question
from assay.rendering.templates import pin_template


def pin(kind: str, text: str, *, offline: bool) -> str:
    """Return `text` with the digest of what it names.

    Args:
        kind: of thing, as `assay.components.references.Pinned` tells them apart.
        text: the name, pinned or not.
        offline: never touch the network.

    Raises:
        ModelLoadError: if nothing of that name can be found, or it has changed since it was pinned.
    """
    if kind not in _PINS:
        raise ModelLoadError(f"nothing can pin a {kind}")
    return _PINS[kind](kind, text, offline)


def _pin_encoder(kind: str, text: str, offline: bool) -> str:
    from assay.backends.encoders import pin as pin_encoder  # noqa: PLC0415

    return pin_encoder(kind, text, offline=offline)


def _pin_language_model(_: str, text: str, offline: bool) -> str:
    from assay.backends.models import pin_language_model  # noqa: PLC0415

    return pin_language_model(text, offline=offline)


def _pin_whole_model(kind: str, text: str, offline: bool) -> str:
    from assay.backends.models import pin_whole_model  # noqa: PLC0415

    return pin_whole_model(kind, text, offline=offline)


def _pin_judge(_: str, text: str, offline: bool) -> str:
    from assay.backends.endpoint.judge_address import pin_judge  # noqa: PLC0415

    return pin_judge(text)


def _pin_prompt(_: str, text: str, offline: bool) -> str:
    from assay.judging.prompt_files import pin_prompt  # noqa: PLC0415

    return pin_prompt(text)


def pin_file(text: str) -> str:
    """Return a path followed by ``@`` and the digest of the file's bytes.

    Raises:
        ModelLoadError: if the file does not exist, or is pinned and has changed since.
    """
    name = text if Path(text).exists() else name_of(text)
    path = Path(name)
    if is_pipe(path):
        raise ModelLoadError(
            f"{name} is a pipe, which can be read only once", hint="write it to a file first"
        )
    if not path.is_file():
        raise ModelLoadError(absence(path))
    found = f"{name}@{file_digest(path)}"
    if text not in (name, found):
        raise ModelLoadError(
            f"{name} has changed since it was named as {text}",
            hint=f"name it anew, without the pin: {name}",
        )
    return found


_PINS: Mapping[str, Callable[[str, str, bool], str]] = {
    "encoder": _pin_encoder,
    "tokenizer": _pin_encoder,
    "language_model": _pin_language_model,
    "classifier": _pin_whole_model,
    "text_to_text": _pin_whole_model,
    "judge": _pin_judge,
    "prompt": _pin_prompt,
    "template": lambda _, text, __: pin_template(text),
    "question": lambda _, text, __: pin_question(text),
    "file": lambda _, text, __: pin_file(text),
}
