"""Text of options as values, and the arguments by which a project is opened."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.cli.options.grammar import Source, parse_assignments
from assay.cli.options.parsing import parse_share
from assay.errors import DataError, UsageError

if TYPE_CHECKING:
    from assay.cli.options.groups import Loading
    from assay.formats.records import SourceSpec
    from assay.pool.loading import LoadRecord


def project_arguments(
    sources: Sequence[Source], project: Path | None, reading: "Loading"
) -> tuple[Path, dict[str, Any]]:
    """Return the folder and the arguments of `Project`.

    What an earlier load of the same sources was told, and the options leave open, stays: rows
    held out once are not slipped back in by a line that does not repeat the option.

    Raises:
        DataError: if nothing says which data is meant, or the project holds other data.
        UsageError: if options contradict each other.
    """
    from assay.pool.loading import LoadRecord
    from assay.workspace.placement import as_recorded, default_folder

    data = [source for source in sources if not source.is_project]
    folders = [Path(source.location) for source in sources if source.is_project]
    if project is not None:
        folders.append(project)
    if len({folder.resolve() for folder in folders}) > 1:
        raise UsageError("several projects are named", hint="name one")
    specs = [_spec(source, reading) for source in data]
    folder = folders[0] if folders else (default_folder(specs) if specs else _only_project())
    record = LoadRecord.read(folder / "load.json")
    if record is None:
        if not specs:
            raise DataError(
                f"{folder} holds no data yet", hint=f"name the data: assay load FILE -p {folder}"
            )
        return folder, _arguments(specs, _share(reading.hold_out, "--hold-out"), reading)
    named = {spec.location: spec.name for spec in as_recorded(folder, specs)} if specs else {}
    hold_out = record.hold_out
    if reading.hold_out is not None:
        hold_out = parse_share(reading.hold_out, "--hold-out")
    return folder, _arguments(_merged(record, named, reading), hold_out, reading)


def _arguments(specs: "list[SourceSpec]", hold_out: float, reading: "Loading") -> dict[str, Any]:
    arguments: dict[str, Any] = {"data": specs, "hold_out": hold_out}
    if reading.max_set_aside is not None:
        arguments["max_set_aside"] = parse_share(reading.max_set_aside, "--max-set-aside")
    return arguments


def _share(text: str | None, option: str) -> float:
    return 0.0 if text is None else parse_share(text, option)


def _only_project() -> Path:
    """Return the one project of the working folder."""
    found = sorted(path.parent for path in Path().glob("*.assay/load.json"))
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(str(path) for path in found[:5])
        raise DataError(f"several projects are here: {names}", hint=f"name one: -p {found[0]}")
    raise DataError("no data is named", hint="name a file: assay load data.json")


def _options(reading: "Loading") -> dict[str, Any]:
    """Return the fields of a source that the options set."""
    given = {
        "layout": reading.layout,
        "split": reading.split,
        "config": reading.config,
        "revision": reading.revision,
        "mapping": dict(parse_assignments(reading.mapping, "--map")) if reading.mapping else None,
    }
    return {name: value for name, value in given.items() if value is not None}


def _spec(source: Source, reading: "Loading") -> "SourceSpec":
    from assay.formats.records import SourceSpec

    # Absolute, so that the project can be opened from any folder.
    local = source.location != "-" and Path(source.location).exists()
    location = str(Path(source.location).absolute()) if local else source.location
    return SourceSpec(location, source.name, **_options(reading))


def _merged(
    record: "LoadRecord", named: Mapping[str, str | None], reading: "Loading"
) -> "list[SourceSpec]":
    """Return the stored sources, changed where the command line says otherwise.

    Args:
        record: of the load.
        named: names that sources were given now, by their place.
        reading: how to read them.
    """
    from assay.formats.records import SourceSpec

    merged = []
    for stored in record.specs:
        spec = SourceSpec(**stored)
        name = named.get(spec.location)
        changed = _options(reading) | ({"name": name} if name is not None else {})
        merged.append(SourceSpec(**(asdict(spec) | changed)))
    return merged
