"""Batches under way, as files beside the replies: what was handed in, and what it may cost.

A job's file is there before anything is handed in and until all its replies are kept. So long its
worst case counts as open, whichever process is alive, for a batch outlives the one that began it.
"""

import contextlib
import json
import secrets
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from assay.errors import CacheError
from assay.files import atomic_write, write_text
from assay.judging.batch_files import Shard
from assay.judging.spending import Line

_FOLDER = "batches"
_TAG_BYTES = 8


@dataclass(frozen=True)
class BatchJob:
    """A file that is or will be handed in.

    Attributes:
        tag: tells it from every other; the service is told it, too.
        service: where it is handed in.
        scope: what it is counted under.
        worst: the most that it should cost, in billionths of the currency.
        keys: of its requests, in hex digits.
        batch: what the service calls it; empty before that is known.
    """

    tag: str
    service: str
    scope: str
    worst: int
    keys: tuple[str, ...]
    batch: str = ""


def new_job(folder: Path, service: str, scope: str, shard: Shard) -> BatchJob:
    """Write a file to hand in, and the job of it, with a tag of its own.

    What a batch has not answered may be handed in again as the same file, and is another job.
    """
    tag = secrets.token_hex(_TAG_BYTES)
    keys = tuple(item.key.hex() for item in shard.items)
    job = BatchJob(tag, service, scope, sum(item.worst for item in shard.items), keys)
    with atomic_write(requests_path(folder, job)) as temporary:
        temporary.write_bytes(shard.content)
    write_job(folder, job)
    return job


def write_job(folder: Path, job: BatchJob) -> None:
    """Put a job in the place of an earlier state of it."""
    write_text(_path(folder, job.tag), json.dumps(asdict(job)))


def requests_path(folder: Path, job: BatchJob) -> Path:
    """Return where the file lies that is handed in."""
    return folder / _FOLDER / f"{job.tag}.jsonl"


def remove_job(folder: Path, job: BatchJob) -> None:
    """Remove a job whose replies are kept."""
    _path(folder, job.tag).unlink(missing_ok=True)
    requests_path(folder, job).unlink(missing_ok=True)


def read_jobs(folder: Path) -> list[BatchJob]:
    """Return all jobs under way, by their tags.

    Raises:
        CacheError: if a file is damaged.
    """
    jobs = []
    for path in sorted((folder / _FOLDER).glob("*.json")):
        with contextlib.suppress(FileNotFoundError):  # another process has just finished it
            jobs.append(_read(path))
    return jobs


def _read(path: Path) -> BatchJob:
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        content = json.loads(text)
        return BatchJob(
            **(content | {"keys": tuple(content["keys"]), "worst": int(content["worst"])})
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CacheError(
            f"{path} is damaged",
            hint="remove it: what its batch has answered is asked for and paid again",
        ) from error


def open_lines(jobs: Iterable[BatchJob], scopes: Collection[str]) -> dict[str, Line]:
    """Return what the jobs of some scopes may cost, by tag."""
    return {
        job.tag: Line(f"batch {job.tag}", job.scope, "", open=job.worst)
        for job in jobs
        if job.scope in scopes
    }


def _path(folder: Path, tag: str) -> Path:
    return folder / _FOLDER / f"{tag}.json"
