"""Files of replies that nobody writes to any more become one."""

import sqlite3
from pathlib import Path
from typing import NamedTuple

from assay.judging.group_commit import transaction
from assay.judging.reply_file import (
    Claim,
    damaged,
    left_behind,
    open_to_read,
    remove,
    reply_files,
    told,
)
from assay.judging.spending import Line, read_lines, write_line
from assay.judging.store import all_replies, insert


class Merged(NamedTuple):
    """What a merge has done: files that are gone, and replies that they held."""

    files: int
    replies: int


def merge(folder: Path) -> Merged:
    """Put the replies and the spending of files that nobody of this machine writes to into one.

    A kill at any moment loses nothing and counts nothing twice: a file goes once what it held is
    on the disk elsewhere, and until then the same line in two files is one.

    Raises:
        CacheError: if a file is damaged; it stays as it is.
        DataError: if the disk is full or nothing can be written.
    """
    if len(reply_files(folder)) < 2:
        return Merged(0, 0)
    files = replies = 0
    claim = Claim(folder)
    try:
        connection = claim.open()
        try:
            for path in reply_files(folder):
                if path == claim.path:
                    continue
                with left_behind(path) as free:
                    if free:
                        with told(claim.path), transaction(connection):
                            replies += _copy(path, connection)
                        remove(path)
                        files += 1
        finally:
            connection.close()
    finally:
        claim.close()
    return Merged(files, replies)


def _copy(path: Path, connection: sqlite3.Connection) -> int:
    source = open_to_read(path)
    if source is None:
        return 0
    count = 0
    try:
        with told(path):
            for reply in all_replies(path, source):
                insert(connection, reply)
                count += 1
            for line in _lines(path, source):
                write_line(connection, line)
    finally:
        source.close()
    return count


def _lines(path: Path, source: sqlite3.Connection) -> list[Line]:
    try:
        return read_lines(source)[1]
    except ValueError as error:
        raise damaged(path, f"{error} is not what was written") from error
