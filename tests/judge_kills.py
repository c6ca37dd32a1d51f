"""Scores by a judge on the command line, killed at random moments, and what has to hold then."""

import dataclasses
import hashlib
import json
import os
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from assay.judging.ledger import Ledger
from assay.judging.spending import Totals
from assay.judging.store import ReplyStore
from tests.billing_judge import MARK, NAME, books_of, seen_so_far
from tests.end_to_end.cli_helpers import COMMAND_LINE
from tests.end_to_end.jobs import kill_group
from tests.fork_server import Process, start

PARALLEL = 16
PRICE = "in=1,out=2"
"""Per million tokens: what the server bills by, unless it is told otherwise."""
SMALL_SHARDS = """
from assay.features.judging_pass import JudgingPass
JudgingPass.rows_per_shard = JudgingPass.least_rows = 64
"""
"""Cuts a small pool into shards, as a large one would be."""
_NANO = 1_000_000_000
_CASE = re.compile(rf"{MARK}(\d+)\.")


def write_cases(path: Path, count: int) -> None:
    """Write rows in Alpaca's layout, each with a number of its own."""
    rows = [
        {"instruction": f"Say what {MARK}{case}. is", "input": "", "output": "It is a case. " * 8}
        for case in range(count)
    ]
    path.write_text(json.dumps(rows))


@dataclass(frozen=True)
class Scoring:
    """`assay score` over some rows, in a folder of its own.

    Attributes:
        folder: where everything is.
        port: of the judge.
        count: rows.
        cap: most that may be spent, in billionths; None for no bound.
        prelude: code before the command line.
    """

    folder: Path
    port: int
    count: int
    cap: int | None = None
    prelude: str = ""

    def capped(self, cap: int | None) -> "Scoring":
        """Return the same under another cap."""
        return dataclasses.replace(self, cap=cap)

    def start(self) -> Process:
        """Start it as the leader of a process group of its own."""
        self.folder.mkdir(parents=True, exist_ok=True)
        data = self.folder / "data.json"
        if not data.exists():
            write_cases(data, self.count)
        address = f"http://127.0.0.1:{self.port}/v1#{NAME}@1"
        words = ["score", "data.json", "alpagasus", "--judge", address, "--price", PRICE]
        if self.cap is not None:
            words += ["--max-cost", f"{self.cap / _NANO:.9f}"]
        else:
            words += ["-y"]  # it may cost more than what is spent without asking
        settings = {
            "ASSAY_CACHE": str(self.folder / "cache"),
            "ASSAY_ENDPOINT_PARALLEL": str(PARALLEL),
            "POLARS_MAX_THREADS": "1",
        }
        return start(
            self.prelude + COMMAND_LINE,
            words,
            folder=self.folder,
            environment=os.environ | settings,
        )

    def finish(self) -> str:
        """Run it to its end, and return what it says of it.

        Raises:
            AssertionError: if it does not end well.
        """
        process = self.start()
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        return errors

    def stop_short(self) -> str:
        """Run it until it stops because of the cap, and return what it says.

        Raises:
            AssertionError: if it ends in another way.
        """
        process = self.start()
        _, errors = process.communicate()
        assert process.returncode == 3, (process.returncode, errors)
        return errors

    def results(self) -> dict[str, str]:
        """Return the digest of every file of scores and of values that they rest on."""
        paths = [
            *self.folder.glob("*.assay/scores/*"),
            *(self.folder / "cache/judgments").rglob("rows-*"),
        ]
        return {
            path.relative_to(self.folder).as_posix(): hashlib.blake2b(path.read_bytes()).hexdigest()
            for path in sorted(paths)
            if not path.name.endswith(".tmp")
        }

    def stored(self) -> tuple[set[int], Totals]:
        """Return which rows have a reply on the disk, and what is counted as spent."""
        folder = self.folder / "cache" / "judge"
        if not folder.exists():
            return set(), Totals()
        with ReplyStore(folder) as store:
            replies = store.find(store.keys())
            cases = {
                int(found[1]) for each in replies.values() if (found := _CASE.search(each.request))
            }
            scopes = store.scopes()
            return cases, Ledger(store, scopes, None).totals() if scopes else Totals()


@dataclass
class Killed:
    """What came of some kills.

    Attributes:
        kills: processes that were killed while they ran.
        repeated: questions that were asked again, for their answers were lost with a process.
        most_repeated: of one kill.
        billed: in billionths.
        committed: what counts as spent after the last kill, in billionths.
        moments: how many were asked between a start and its kill.
    """

    kills: int = 0
    repeated: int = 0
    most_repeated: int = 0
    billed: int = 0
    committed: int = 0
    moments: list[int] = field(default_factory=list)


def kill_again_and_again(
    job: Scoring,
    kills: int,
    *,
    seed: int,
    told: Callable[[Killed], None] = lambda found: None,
    goals: Sequence[int] = (0, 0, 1, 2, 5, 10, 20, 30),
) -> Killed:
    """Kill a job at random moments, and check after each what is to hold.

    Args:
        job: what is started again after each kill.
        kills: how many.
        seed: of the moments.
        told: is told how it goes after each.
        goals: after how many questions since the start a kill may come, and a moment more.

    Raises:
        AssertionError: if a reply on the disk was asked for again, more than what was under way is
            lost, or more was billed than counts as spent, or that is above the cap.
    """
    chance = random.Random(seed)
    found = Killed()
    stored, _ = job.stored()
    while found.kills < kills:
        books = books_of(job.port)
        before = len(books.asked)
        process = job.start()
        if chance.random() < 0.15:
            time.sleep(chance.uniform(0, 1.5))  # wherever it is by then, perhaps not asking yet
        else:
            goal = seen_so_far(job.port) + chance.choice(goals)
            while seen_so_far(job.port) < goal and process.poll() is None:
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.05))
        ended = process.poll() is not None
        kill_group(process)
        books = books_of(job.port)
        asked = [case for case in books.asked[before:] if case >= 0]
        after, totals = job.stored()
        again = len(asked) - len(set(asked) & after)
        assert not set(asked) & stored, "a reply on the disk was asked for again"
        assert stored <= after, "a reply is gone"
        assert len(asked) == len(set(asked)), "a question was asked twice by one process"
        assert again <= PARALLEL, f"{again} answers were lost, with {PARALLEL} under way"
        assert books.billed <= totals.committed, "more was billed than counts as spent"
        assert job.cap is None or totals.committed <= job.cap, "more counts as spent than may be"
        stored = after
        found.kills += not ended
        found.repeated += again
        found.most_repeated = max(found.most_repeated, again)
        found.billed, found.committed = books.billed, totals.committed
        found.moments.append(len(asked))
        told(found)
        if ended:
            assert process.returncode in (0, 3), process.communicate()
            break
    return found
