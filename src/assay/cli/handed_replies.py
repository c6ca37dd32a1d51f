"""Replies of judges that are handed on from one cache to another by a file."""

from pathlib import Path
from typing import Any

from assay.cli.console import terminal
from assay.cli.options.groups import Everywhere, Working


def export_replies(
    path: Path, everywhere: Everywhere, working: Working, *, leave_out: bool
) -> None:
    """Write replies to a file: those of the project that is named, or all.

    Args:
        path: of the file.
        everywhere: says which project, and whether a file may be replaced.
        working: says whether anything is written.
        leave_out: those that hold what looks like a key to a service.

    Raises:
        DataError: if there is none.
    """
    from assay.agreement.judge_replies import replies_of, replies_used
    from assay.cli.options.opening import open_project, runtime_of
    from assay.cli.options.replacing import check_replaceable
    from assay.errors import DataError
    from assay.judging.cassette import export_cassette
    from assay.judging.secret import folder_secret
    from assay.judging.store import ReplyStore

    if everywhere.project is None:
        store = ReplyStore(runtime_of(everywhere).cache / "judge")
        keys = store.keys()
    else:
        project = open_project([], everywhere, as_loaded=True)
        store = replies_of(project)
        keys = replies_used(project)
    with store:
        if not keys:
            raise DataError(
                "no reply of a judge is kept here"
                if everywhere.project is None
                else f"no score of {everywhere.project} rests on a judge's replies",
                hint="assay judge DATA METHOD --judge ADDRESS asks for some",
            )
        if working.dry_run:
            _told(path, len(keys), "would be written", dry=True)
            return
        check_replaceable(path, yes=everywhere.yes)
        count = export_cassette(
            store, path, keys, secret=folder_secret(store.folder), leave_out=leave_out
        )
    _told(path, count, "written")
    terminal().next(f"assay judge import {path}")


def import_replies(path: Path, everywhere: Everywhere, working: Working) -> None:
    """Take in the replies of a file; arguments as of `export_replies`."""
    from assay.cli.options.opening import runtime_of
    from assay.judging.cassette import import_capabilities, import_cassette, read_cassette
    from assay.judging.store import ReplyStore

    with ReplyStore(runtime_of(everywhere).cache / "judge") as store:
        if working.dry_run:
            found = {reply.key for reply in read_cassette(path)}
            _told(path, len(found - store.known(found)), "would be taken in", dry=True)
            return
        count = import_cassette(store, path)
        _, others = import_capabilities(store, path)
    for judge in others:
        terminal().warn(
            f"{judge} was found to be otherwise here, and that stays: where it is asked otherwise, "
            "these replies do not count"
        )
    _told(path, count, "taken in")


def _told(path: Path, count: int, what: str, *, dry: bool = False) -> None:
    from assay.cli.naming import shown_path

    page = terminal()
    described: dict[str, Any] = {"file": str(path), "replies": count, "done": not dry}
    if page.settings.as_json:
        page.document(described)
    else:
        counted = "1 reply" if count == 1 else f"{count:,} replies"
        page.result(f"{counted} {what}: {shown_path(path)}")
