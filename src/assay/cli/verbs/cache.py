"""``assay cache``: what is kept for later, and how to make room."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.app import KEEP, verb
from assay.cli.console import confirmed, table, terminal
from assay.cli.options.groups import Everywhere
from assay.wording import size_text

_ACTIONS = ("list", "prune", "clear")


@verb(
    "cache",
    panel=KEEP,
    examples=("assay cache", "assay cache prune", "assay cache clear embeddings -y"),
)
def cache(
    everywhere: Everywhere,
    action: Annotated[
        str,
        typer.Argument(metavar="[list|prune|clear]", help="What to do; list by default.",
                       autocompletion=lambda incomplete: list(_ACTIONS)),
    ] = "list",
    features: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FEATURE]...", help="Which features to clear; all by default."),
    ] = None,
) -> None:  # fmt: skip
    """List what is kept for later, remove leftovers, or clear it.

    `prune` removes what killed runs left behind, files that were damaged, and matrices in an order
    that nothing asks for; these are made again if need be. `clear` removes values: they are
    computed anew.
    """
    from assay.errors import UsageError, did_you_mean
    from assay.stores.cache import default_cache_folder
    from assay.stores.cache_size import cache_entries, clear, prune

    folder = default_cache_folder()
    if action not in _ACTIONS:
        raise UsageError(
            f"cache: {action!r} is not known",
            hint=did_you_mean(action, _ACTIONS) or f"one of {', '.join(_ACTIONS)}",
        )
    page = terminal()
    if action == "prune":
        removed, freed = prune(folder)
        reported: Any = {"cache": str(folder), "files_removed": removed, "bytes_freed": freed}
        line = f"removed {removed:,} files, {size_text(freed)} freed"
    elif action == "clear":
        entries = [e for e in cache_entries(folder) if not features or e.feature in features]
        _check(features or [], [e.feature for e in cache_entries(folder)])
        size = sum(entry.size for entry in entries)
        if entries and not confirmed(
            f"remove {size_text(size)} of stored values?", yes=everywhere.yes
        ):
            raise UsageError("nothing was removed", hint="say yes with -y")
        for entry in entries:
            clear(folder, entry.feature)
        reported = {
            "cache": str(folder),
            "features": [e.feature for e in entries],
            "bytes_freed": size,
        }
        line = f"removed {size_text(size)}"
    else:
        _list(folder)
        return
    page.document(reported) if page.settings.as_json else page.result(line)


def _check(wanted: list[str], known: list[str]) -> None:
    from assay.errors import UsageError, did_you_mean

    for name in wanted:
        if name not in known:
            hint = did_you_mean(name, known) or f"there are {', '.join(known) or 'none'}"
            raise UsageError(f"the cache holds no {name!r}", hint=hint)


def _list(folder: Path) -> None:
    from assay.stores.cache_size import cache_entries

    entries = cache_entries(folder)
    page = terminal()
    if page.settings.as_json:
        page.document({"cache": str(folder), "features": [entry._asdict() for entry in entries]})
        return
    if entries:
        rows: list[tuple[object, ...]] = [
            (entry.feature, entry.variants, entry.files, size_text(entry.size)) for entry in entries
        ]
        rows.append(("all", None, None, size_text(sum(entry.size for entry in entries))))
        page.result(
            table(["feature", ("variants", "right"), ("files", "right"), ("size", "right")], rows)
        )
    page.note(f"{folder}" + ("" if entries else " is empty"), style="dim")
