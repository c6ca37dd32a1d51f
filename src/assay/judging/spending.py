"""What was spent, and what may be under way, of every scope in all files of a folder.

Money is counted in whole billionths of a currency. A line belongs to one ledger of one process and
one scope; it holds the settled sum and the open rest of what was leased. What a process that was
killed has left open counts as spent: its requests may have been answered and billed.
"""

import sqlite3
from collections.abc import Collection, Iterable
from typing import NamedTuple

from assay.judging.stored_reply import row_sum

PLAIN = 1000
"""Of the permille by which a server bills: as much as the worst case at most."""
_FIELDS = "session, scope, claim, spent, open, overrun, permille"


class Line(NamedTuple):
    """The account of one session and scope.

    Attributes:
        session: of a ledger.
        scope: of a judged pass.
        claim: of the process; it tells whether the session can still be alive.
        spent: settled, in billionths.
        open: leased and not settled, in billionths.
        overrun: by how much costs were above their worst case, in billionths.
        permille: the most that was billed for a request, of its worst case; 1000 or more.
    """

    session: str
    scope: str
    claim: str
    spent: int = 0
    open: int = 0
    overrun: int = 0
    permille: int = PLAIN


class Totals(NamedTuple):
    """Sums over lines, in billionths.

    Attributes:
        settled: what requests are known to have cost.
        lost: the worst case of what killed processes left open.
        open: the worst case of what living ones may have under way, or about to be sent.
        overrun: by how much costs were above their worst case.
        permille: of the scopes' lines, the highest.
    """

    settled: int = 0
    lost: int = 0
    open: int = 0
    overrun: int = 0
    permille: int = PLAIN

    @property
    def committed(self) -> int:
        """What a cap has to cover."""
        return self.settled + self.lost + self.open


def totals(found: Iterable[tuple[Line, bool]], scopes: Collection[str]) -> Totals:
    """Return the sums of some scopes; each line comes with whether its process may be alive.

    A line that is in two files, as in the middle of a merge, counts once.
    """
    lines: dict[tuple[str, str], tuple[Line, bool]] = {}
    for line, alive in found:
        before = lines.get((line.session, line.scope))
        if line.scope in scopes and (before is None or before[0] < line):
            lines[line.session, line.scope] = line, alive
    permille = max((line.permille for line, _ in lines.values()), default=PLAIN)
    return Totals(
        settled=sum(line.spent for line, _ in lines.values()),
        # A server that billed above the worst case once may have done so where nobody saw it.
        lost=sum(_scaled(line.open, permille) for line, alive in lines.values() if not alive),
        open=sum(_scaled(line.open, permille) for line, alive in lines.values() if alive),
        overrun=sum(line.overrun for line, _ in lines.values()),
        permille=permille,
    )


def _scaled(amount: int, permille: int) -> int:
    return -(-amount * permille // PLAIN)


def read_lines(connection: sqlite3.Connection) -> tuple[str, list[Line]]:
    """Return who last claimed a file, and its lines.

    Raises:
        ValueError: if a line is not what was written.
    """
    claims = connection.execute("SELECT id FROM claim").fetchall()
    rows = connection.execute(f"SELECT {_FIELDS}, checksum FROM spending").fetchall()  # noqa: S608
    lines = []
    for *fields, kept in rows:
        if row_sum(fields) != kept:
            raise ValueError("a line of what was spent")
        session, scope, claim, *numbers = fields
        lines.append(Line(session.decode(), _scope(scope), claim.decode(), *numbers))
    return (claims[0][0].decode() if claims else ""), lines


def read_line(connection: sqlite3.Connection, line: Line) -> Line:
    """Return the line of the same session and scope as it is on the disk."""
    rows = connection.execute(
        "SELECT spent, open, overrun, permille FROM spending WHERE session = CAST(? AS TEXT)"
        " AND scope = CAST(? AS TEXT)",
        (line.session.encode(), _encoded(line.scope)),
    ).fetchall()
    if not rows:
        return line
    spent, open_, overrun, permille = rows[0]
    return line._replace(spent=spent, open=open_, overrun=overrun, permille=permille)


def write_line(connection: sqlite3.Connection, line: Line) -> None:
    """Put a line in the place of the one of its session and scope, within a transaction."""
    fields = (line.session.encode(), _encoded(line.scope), line.claim.encode(), *line[3:])
    connection.execute(
        f"INSERT OR REPLACE INTO spending ({_FIELDS}, checksum) VALUES"  # noqa: S608
        " (CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), ?, ?, ?, ?, ?)",
        (*fields, row_sum(fields)),
    )


def _encoded(scope: str) -> bytes:
    return scope.encode("utf-8", "surrogatepass")


def _scope(content: bytes) -> str:
    return content.decode("utf-8", "surrogatepass")
