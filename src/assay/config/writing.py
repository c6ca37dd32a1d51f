"""Configuration files that are written: what a run did, so that it can be done again."""

import dataclasses
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from assay.components.component import Scorer, Selector
from assay.components.descriptions import describe, escaped
from assay.components.result_names import derived_name, free_name
from assay.files import write_text
from assay.files.checksums import PLACE, sealed
from assay.formats.records import SourceSpec


def write_run_config(  # noqa: PLR0913  one keyword per part of the file
    path: Path,
    *,
    sources: Sequence[SourceSpec],
    scores: Sequence[Scorer] = (),
    selections: Mapping[str, Selector] | None = None,
    exports: Sequence[Mapping[str, Any]] = (),
    hold_out: float = 0.0,
    max_set_aside: float | None = None,
    project: Path | None = None,
    plugins: Sequence[Path] = (),
    compare: Mapping[str, Any] | None = None,
) -> None:
    """Write a configuration that does a run again; `assay run` reads it.

    Args:
        path: file to write. Paths in it are relative to its folder.
        sources: the data.
        scores: that were computed.
        selections: that were made, by name.
        exports: mappings with selection, output and, if it is not the data's own layout, format.
        hold_out: share of rows held out.
        max_set_aside: share of records that might be set aside, if not the default.
        project: folder of the project.
        plugins: Python files whose methods are used.
        compare: section of a comparison that was carried out.
    """
    folder = path.parent
    data: dict[str, Any] = {"sources": [_source(spec, folder) for spec in sources]}
    if hold_out:
        data["hold_out"] = hold_out
    if max_set_aside is not None:
        data["max_set_aside"] = max_set_aside
    content = {
        "project": None if project is None else os.path.relpath(project, folder),
        "data": data,
        "plugins": [os.path.relpath(plugin, folder) for plugin in plugins],
        "scores": _scores(scores, folder),
        "selections": {
            name: escaped(describe(selector, relative_to=folder))
            for name, selector in (selections or {}).items()
        },
        "exports": [
            {**export, "output": os.path.relpath(export["output"], folder)} for export in exports
        ],
        "compare": compare,
    }
    text = yaml_text({key: value for key, value in content.items() if value})
    write_text(path, sealed(f"{text}# as written: {PLACE}\n"))


def yaml_text(content: Mapping[str, Any]) -> str:
    """Return plain values as YAML."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 100
    stream = io.StringIO()
    yaml.dump(dict(content), stream)
    return stream.getvalue()


def _source(spec: SourceSpec, folder: Path) -> dict[str, Any]:
    local = Path(spec.location).exists()
    described = {"source": os.path.relpath(spec.location, folder) if local else spec.location}
    named = dataclasses.asdict(spec)
    named["map"] = named.pop("mapping")
    del named["location"]
    return described | {name: value for name, value in named.items() if value is not None}


def _scores(scores: Sequence[Scorer], folder: Path) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for scorer in scores:
        name = free_name(derived_name(scorer), named)
        named[name] = escaped(describe(scorer, relative_to=folder))
    return named
