"""Which files of a dataset repository are its data, and which split each belongs to.

Source:
    Conventions of the Hugging Face Hub: a `configs` list in the front matter of the dataset card,
    else the names of files and folders.
"""

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from assay.errors import DataError
from assay.formats.forms import output_form

DEFAULT_CONFIG = "default"
_SPLIT_WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
_SHARD = re.compile(r"(?:.*/)?(?P<split>\w+(?:[.-]\w+)*)-\d{5}-of-\d{5}(?:-[0-9a-f]+)?\.\w+.*")
_NO_DATA = frozenset({"dataset_infos.json", "dataset_info.json", "state.json", "config.json"})
_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)


class DataFile(NamedTuple):
    """A data file of a repository, with the split it belongs to."""

    path: str
    split: str


class Layout(NamedTuple):
    """What was found in a repository for one configuration."""

    config: str
    files: list[DataFile]
    notes: list[str]


def choose_files(
    card: str, paths: Iterable[str], *, config: str | None, split: str | None, name: str
) -> Layout:
    """Return the data files of one configuration and, if asked, of one split.

    Args:
        card: text of README.md, "" if there is none.
        paths: all files of the repository.
        config: the configuration; None takes the default or only one.
        split: None takes all.
        name: how the repository is called in errors.

    Raises:
        DataError: if there is no readable file, the configuration or split is not there, or
            there are several configurations and none was named.
    """
    readable = sorted(path for path in paths if _is_data(path))
    if not readable:
        raise DataError(
            f"{name} holds no file that Assay reads",
            hint="readable are JSON, JSON lines, CSV, TSV, Parquet and Arrow, also packed",
        )
    chosen = _choose_config(_configs(card, name), config, name)
    notes: list[str] = []
    files = _declared(chosen, readable) if chosen else _by_convention(readable, notes)
    files = _one_container(files, notes)
    found = list(dict.fromkeys(file.split for file in files))
    if split is not None and split not in found:
        raise DataError(
            f"{name} has no split {split!r}", hint=f"it has: {', '.join(found) or 'none'}"
        )
    if not files:
        raise DataError(
            f"the dataset card of {name} names files that are not there",
            hint="download the files you want and name the local path",
        )
    kept = [file for file in files if split in (None, file.split)]
    return Layout(str(chosen.get("config_name", DEFAULT_CONFIG)), kept, notes)


def _is_data(path: str) -> bool:
    place = PurePosixPath(path)
    if place.name in _NO_DATA or any(part[:1] in "._" for part in place.parts):
        return False
    try:
        return output_form(place) is not None
    except DataError:
        return False


def _configs(card: str, name: str) -> list[Mapping[str, object]]:
    found = _FRONT_MATTER.match(card)
    if not found:
        return []
    try:
        front_matter = YAML(typ="safe").load(io.StringIO(found[1]))
    except YAMLError as problem:
        raise DataError(
            f"the dataset card of {name} has broken YAML: {str(problem).splitlines()[0]}",
            hint="download the files and name the local path",
        ) from problem
    configs = front_matter.get("configs") if isinstance(front_matter, dict) else None
    return [entry for entry in configs or [] if isinstance(entry, dict)]


def _choose_config(
    configs: list[Mapping[str, object]], config: str | None, name: str
) -> Mapping[str, object]:
    named = {str(entry.get("config_name", DEFAULT_CONFIG)): entry for entry in configs}
    if config is not None:
        if config in named or (config == DEFAULT_CONFIG and not named):
            return named.get(config, {})
        known = ", ".join(named) or DEFAULT_CONFIG
        raise DataError(f"{name} has no configuration {config!r}", hint=f"it has: {known}")
    default = [key for key, entry in named.items() if entry.get("default") is True]
    choice = [*default, *[key for key in named if key == DEFAULT_CONFIG], *named][:1]
    if len(named) > 1 and not default and DEFAULT_CONFIG not in named:
        raise DataError(
            f"{name} has several configurations: {', '.join(named)}", hint="name one of them"
        )
    return named[choice[0]] if choice else {}


def _declared(config: Mapping[str, object], readable: Sequence[str]) -> list[DataFile]:
    folder = str(config.get("data_dir") or "").strip("/")
    inside = [path for path in readable if not folder or path.startswith(f"{folder}/")]
    declared = config.get("data_files")
    if declared is None:
        return _by_convention(inside, [])
    prefix = f"{folder}/" if folder else ""
    files: dict[DataFile, None] = {}
    for split, pattern in _split_patterns(declared):
        matches = re.compile(_regular_expression(prefix + pattern.removeprefix("./"))).fullmatch
        files |= dict.fromkeys(DataFile(path, split) for path in inside if matches(path))
    return list(files)


def _split_patterns(declared: object) -> list[tuple[str, str]]:
    """Return pairs of split and pattern, whichever of its four forms `data_files` has."""
    if isinstance(declared, str):
        return [("train", declared)]
    if isinstance(declared, dict):
        return [
            (str(split), pattern)
            for split, patterns in declared.items()
            for pattern in _as_list(patterns)
        ]
    pairs: list[tuple[str, str]] = []
    for entry in declared if isinstance(declared, list) else []:
        if isinstance(entry, dict):
            split = str(entry.get("split", "train"))
            pairs += [(split, pattern) for pattern in _as_list(entry.get("path"))]
        else:
            pairs.append(("train", str(entry)))
    return pairs


def _as_list(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _regular_expression(pattern: str) -> str:
    """Translate a pattern of paths: ``*`` stays inside a folder, ``**`` does not."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    tokens = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern)
    return "".join(
        parts.get(token) or (token.replace("[!", "[^") if token[:1] == "[" else re.escape(token))
        for token in tokens
    )


def _by_convention(readable: Sequence[str], notes: list[str]) -> list[DataFile]:
    shards = {path: found["split"] for path in readable if (found := _SHARD.fullmatch(path))}
    splits = {path: shards.get(path) or _split_of(path) for path in readable}
    if not any(splits.values()):
        return [DataFile(path, "train") for path in readable]
    without = [path for path, split in splits.items() if split is None]
    if without:
        notes.append(
            f"{len(without)} files name no split and were left out: {', '.join(without[:3])}"
        )
    return [DataFile(path, split) for path, split in splits.items() if split]


def _split_of(path: str) -> str | None:
    """Return the split that a file name, else the nearest folder, has as one of its words."""
    for part in reversed(PurePosixPath(path.lower()).parts):
        words = re.split(r"[^a-z]+", part)
        for split, spellings in _SPLIT_WORDS.items():
            if any(spelling in words for spelling in spellings):
                return split
    return None


def _one_container(files: list[DataFile], notes: list[str]) -> list[DataFile]:
    """Keep the most frequent container: a repository often holds the same rows in two."""
    kinds = [output_form(PurePosixPath(file.path)) for file in files]
    names = [kind.container if kind else "" for kind in kinds]
    counted = sorted(dict.fromkeys(names), key=lambda name: (-names.count(name), name != "parquet"))
    if len(counted) > 1:
        notes.append(f"only the {counted[0]} files were read, not {', '.join(counted[1:])}")
    return [file for file, name in zip(files, names, strict=True) if name == counted[0]]
