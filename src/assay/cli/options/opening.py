"""From options to the runtime and the project that they ask for."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from assay.cli.console import terminal
from assay.cli.options.groups import Everywhere, Loading, Working
from assay.cli.options.parsing import parse_device

if TYPE_CHECKING:
    from assay.cli.options.grammar import Source, Words
    from assay.project import Project
    from assay.runtime import Runtime


def runtime_of(everywhere: Everywhere, working: Working | None = None) -> "Runtime":
    """Return the runtime that the options ask for."""
    from assay.cli.options.parsing import parse_shard, parse_share
    from assay.components.money import parse_amount
    from assay.processors import usable_processors
    from assay.runtime import Runtime

    threads = None if working is None else working.threads
    runtime = Runtime(
        threads=threads or usable_processors(),
        offline=everywhere.offline,
        progress=terminal().progress(),
    )
    if working is None:
        return runtime
    if working.workers is not None:
        runtime.workers = working.workers
    if working.shard is not None:
        runtime.shard = parse_shard(working.shard)
    if working.max_unscored is not None:
        runtime.max_unscored = parse_share(working.max_unscored, "--max-unscored")
    if working.device is not None:
        runtime.device = parse_device(working.device)
    runtime.max_cost, runtime.price = working.max_cost or "", working.price or ""
    if runtime.max_cost:
        parse_amount(runtime.max_cost)  # what is none is said before anything is read
    if working.confirm_above:
        parse_amount(working.confirm_above)
    return runtime


def open_project(
    sources: Sequence["Source"],
    everywhere: Everywhere,
    reading: Loading | None = None,
    *,
    working: Working | None = None,
    plugin_files: Sequence[Path] = (),
    as_loaded: bool = False,
) -> "Project":
    """Return the project of some sources, read as before unless the options say otherwise.

    A verb that only looks at what is there opens it `as_loaded`: nothing is read anew, even where
    a file has changed since. Without sources it is the project of ``-p``, or the only one in the
    working folder.

    Raises:
        AssayError: if the data cannot be read, or nothing says which project is meant.
    """
    from assay.cli.naming import shown_path, shown_source
    from assay.cli.options.arguments import project_arguments
    from assay.components.table import use_project_names
    from assay.errors import DataError
    from assay.files import NOT_ALLOWED
    from assay.project import Project
    from assay.workspace.imports import imported_names

    folder, arguments = project_arguments(sources, everywhere.project, reading or Loading())
    if as_loaded and (folder / "load.json").exists():
        arguments = {}  # its sources are what it holds, read as they were read
    runtime = runtime_of(everywhere, working)
    runtime.plugin_files = tuple(plugin_files)
    try:
        project = Project(folder, as_loaded=as_loaded, runtime=runtime, **arguments)
    except DataError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in NOT_ALLOWED:
            error.hint = f"keep the project elsewhere: -p {folder.name}"
        raise
    if as_loaded and not project.load_record.unchanged():
        terminal().warn(
            f"the data has changed since {shown_path(folder)} was loaded, and the rows are shown "
            f"as they were; assay load {shown_source(project)} reads it anew"
        )
    use_project_names(imported_names(project.folder))
    project.results.labels.tell = terminal().warn
    return project


def open_words(
    words: "Words",
    everywhere: Everywhere,
    reading: Loading,
    working: Working,
    *,
    settings: Sequence[str] | None = None,
) -> "tuple[Project, list[Path]]":
    """Return the project that the words of a line mean, and the method files that it names.

    Tells what a person should know about how the words were read.

    Args:
        words: of the line.
        everywhere: options of all verbs.
        reading: options of how data is read.
        working: options of how work is done.
        settings: ``--set``, whose values may be files of methods, too.

    Raises:
        AssayError: if the data cannot be read, or nothing says which project is meant.
    """
    from assay.cli.options.parameters import files_named

    files = [*words.plugin_files, *files_named(settings or [])]
    project = open_project(words.sources, everywhere, reading, working=working, plugin_files=files)
    for note in words.notes:
        terminal().note(note, style="yellow")
    return project, files


def rows_to_price(working: Working) -> int | None:
    """Return for how many rows a dry run is priced; None for those that there are.

    Raises:
        UsageError: if it is no number, or nothing is priced.
    """
    from assay.cli.options.parsing import parse_count
    from assay.errors import UsageError

    if working.for_rows is None:
        return None
    if not working.dry_run:
        raise UsageError("--for-rows says what -n prices", hint="add -n")
    return parse_count(working.for_rows, "--for-rows")
