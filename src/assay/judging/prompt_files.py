"""Prompt files: those that come with Assay and a user's own, checked and pinned."""

import hashlib
import json
import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from assay.components.references import name_of
from assay.errors import ConfigError, did_you_mean
from assay.judging.injection import CODE, NOTICE
from assay.judging.messages import Message
from assay.judging.prompt_form import (
    MODES,
    PLACE,
    SLOTS,
    WORDINGS,
    FieldForm,
    Mode,
    ModeForm,
    PromptForm,
    ScaleForm,
)
from assay.judging.prompt_wording import ASKS, MAX_TOKENS
from assay.judging.prompts import Prompt
from assay.judging.replies import Reply
from assay.judging.verdicts import read_verdict
from assay.samples import Reason

_FOLDER: Final = "judging"
_OWN: Final = (
    "a prompt is a TOML file in UTF-8 with name, kind, user and, by kind, [scale], [options] or "
    "[[fields]]"
)
_LONGEST: Final = 1_000_000


def known_prompts() -> list[str]:
    """Return the names of the prompts that come with Assay."""
    folder = files("assay.prompts").joinpath(_FOLDER)
    names = (entry.name for entry in folder.iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def pin_prompt(text: str) -> str:
    """Return a prompt's name, or the path of its file, with the digest of its content.

    Raises:
        ConfigError: if there is no such prompt, it is not one, or it changed since it was pinned.
    """
    name = name_of(text)
    digest = load_prompt(name).digest
    if text not in (name, f"{name}@{digest}"):
        raise ConfigError(f"the prompt {name} is no longer {text}", hint=f"name it anew: {name}")
    return f"{name}@{digest}"


def load_prompt(pinned: str) -> Prompt:
    """Return a prompt of a name or path, pinned or not.

    Raises:
        ConfigError: that names the file, the key and what to do.
    """
    name = name_of(pinned)
    return _parsed(name, _content(name))


@lru_cache(maxsize=64)
def _parsed(name: str, content: str) -> Prompt:
    try:
        described = tomllib.loads(content)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"the prompt {name} is no TOML: {error}", hint=_OWN) from None
    try:
        form = PromptForm.model_validate(described)
    except ValidationError as error:
        raise _explained(name, error) from None
    _check_places(name, form)
    prompt = Prompt(form, _digest(content))
    _check_modes(name, prompt)
    return prompt


def _digest(content: str) -> str:
    """Return the digest of a file with all other wording that a judge is sent."""
    asks = {f"{kind} {mode}": ask for (kind, mode), ask in sorted(ASKS.items())}
    told = [NOTICE, *map(str, CODE)]
    whole = json.dumps([content, asks, dict(MAX_TOKENS), told])
    return hashlib.blake2b(whole.encode(), digest_size=6).hexdigest()


def _content(name: str) -> str:
    path = Path(name)
    if path.suffix == ".toml":
        if not path.is_file():
            raise ConfigError(f"the prompt {name} does not exist")
        try:
            if path.stat().st_size > _LONGEST:
                raise ConfigError(f"the prompt {name} has more than a million bytes", hint=_OWN)
            return path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the prompt {name} cannot be read: {error}", hint=_OWN) from None
    return _content_of_ours(name)


@lru_cache(maxsize=64)  # it is asked for with every row
def _content_of_ours(name: str) -> str:
    known = known_prompts()
    if name not in known:
        hint = did_you_mean(name, known) or f"{', '.join(known)}, or a .toml file"
        raise ConfigError(f"no prompt is called {name!r}", hint=hint)
    return files("assay.prompts").joinpath(_FOLDER, f"{name}.toml").read_text(encoding="utf-8")


def _explained(name: str, error: ValidationError) -> ConfigError:
    """Return what is wrong with a file: its first fault, by key."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "[key]")
    hint: str | None = _OWN
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message, hint = "no such key", _nearest(first["loc"])
    elif first["type"] == "missing":
        message = "is missing"
    return ConfigError(f"the prompt {name}: {place + ': ' if place else ''}{message}", hint=hint)


def _nearest(place: tuple[int | str, ...]) -> str:
    """Return the keys that could have been meant at a place."""
    form: type[PromptForm | ScaleForm | ModeForm | FieldForm] = PromptForm
    for part in place[:-1]:
        form = {"scale": ScaleForm, "modes": ModeForm, "fields": FieldForm}.get(str(part), form)  # type: ignore[assignment]
    known = sorted(form.model_fields)
    return did_you_mean(str(place[-1]), known) or f"there are {', '.join(known)}"


def _check_places(name: str, form: PromptForm) -> None:
    """Refuse places in braces that nothing stands for, and data where they must not be."""
    asks = {f"modes.{mode}.ask": given.ask for mode, given in form.modes.items()}
    dimensions = {f"dimensions.{key}": text for key, text in form.dimensions.items()}
    for key, text in {"system": form.system, "user": form.user, **asks, **dimensions}.items():
        for word, mark in PLACE.findall(text):
            if word in SLOTS and key != "user":
                raise ConfigError(
                    f"the prompt {name}: {key}: data have no place there, and {{{word}}} is data",
                    hint="move it to user; a system message is all your own",
                )
            known = {*SLOTS, *WORDINGS} if key == "user" else {*WORDINGS}
            if word not in known or (key not in ("user", "system") and word == "ask"):
                raise ConfigError(
                    f"the prompt {name}: {key}: nothing is called {{{word}}}",
                    hint=did_you_mean(word, known) or f"there are {', '.join(sorted(known))}",
                )
            if mark and word not in SLOTS:
                raise ConfigError(
                    f"the prompt {name}: {key}: {{{word}?}} is never empty",
                    hint=f"write {{{word}}}",
                )
    _check_user(name, form)


def _check_user(name: str, form: PromptForm) -> None:
    words = [word for word, _ in PLACE.findall(form.user)]
    if not set(words) & set(SLOTS):
        slots = ", ".join(f"{{{slot}}}" for slot in SLOTS)
        raise ConfigError(f"the prompt {name}: user: shows no data", hint=f"there are {slots}")
    if words.count("ask") != 1:
        raise ConfigError(
            f"the prompt {name}: user: has {{ask}} {words.count('ask')} times",
            hint="write it once, where the judge is to be told how to answer, best at the end",
        )
    for part in re.split(r"\n\n", form.user):
        if "{ask}" in part and re.search(r"\{[a-z_]+\?\}", part):
            raise ConfigError(
                f"the prompt {name}: user: the paragraph with {{ask}} could be left out",
                hint="put an empty line between it and the slot with a question mark",
            )


def _check_modes(name: str, prompt: Prompt) -> None:
    """Refuse a prompt that no mode is left for, or whose own wording holds an answer."""
    for mode in MODES:
        given = prompt.form.modes.get(mode)
        if given and mode not in prompt.modes:
            raise ConfigError(
                f"the prompt {name}: modes.{mode}: it cannot be answered so",
                hint=f"it can in {', '.join(prompt.modes) or 'no mode at all'}",
            )
        if given and given.form is not None and mode != "text":
            raise ConfigError(
                f"the prompt {name}: modes.{mode}.form: only words have a place to stand",
                hint="leave it out, or move it to [modes.text]",
            )
        if given and given.any_number and (mode != "text" or prompt.form.scale is None):
            raise ConfigError(
                f"the prompt {name}: modes.{mode}.any_number: only for numbers in words",
                hint="leave it out, or move it to [modes.text]",
            )
    if not prompt.modes:
        raise ConfigError(f"the prompt {name}: only: no mode is left", hint="leave it out")
    for mode in prompt.modes:
        _check_echo(name, prompt, mode)


def _check_echo(name: str, prompt: Prompt, mode: Mode) -> None:
    for dimension in prompt.form.dimensions or ("",):
        messages = prompt.render({}, mode, dimension=dimension).messages
        for text in _echoes(messages):
            echo = Reply(Reason.OK, text, "stop")
            if read_verdict(prompt, mode, echo, dimension=dimension).values is not None:
                raise ConfigError(
                    f"the prompt {name}: its own words hold an answer: a judge that repeats them "
                    "would be taken at its word",
                    hint="show the form without a value, such as [[number]]",
                )


def _echoes(messages: tuple[Message, ...]) -> list[str]:
    """Return the wording a message at a time, a paragraph at a time, and all of it."""
    texts = [message.text("") for message in messages]
    return [*texts, "\n\n".join(texts), *(part for text in texts for part in text.split("\n\n"))]
