"""How fast are rows judged by the whole engine, what does one cost here, and how long is a plan?

A server in a process of its own answers after times that are log-normal with a mean of 200 ms. Rows
are judged by AlpaGasus over many shards; answers are counted at the server over a minute after as
many are under way as may be, against the most that 64 at a time could bring: 64 by the mean
latency. Seconds in which less came are told apart by how much less. Processor time is what a row
takes of this process, from its text to its stored number, where an echo in the same process stands
in place of the network. A plan is `assay score -n` of a file, in a process of its own.

On a machine that has other things to do a larger mean tells what the engine itself loses: it takes
as many requests at a time, and fewer of them a second.

Run: python benchmarks/judge_engine.py alpaca_data.json.gz [--seconds 60] [--parts served echo plan]
     [--mean-ms 200] [--rows-per-shard 4096] [--json results/judge_engine.json]
"""

import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from harness import argument_parser, hardware

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.billing_judge import MARK, NAME, Manners, billing_judge, books_of

from assay.backends.endpoint.client import PARALLEL_VARIABLE, Client
from assay.features.judging_pass import JudgingPass
from assay.judging import opening
from assay.methods.judged.alpagasus import AlpaGasus
from assay.models.asking import Answered
from assay.project import Project
from assay.runtime import Runtime

AT_A_TIME = 64
MEAN_MS = 200.0
RAMP_MEANS = 60  # until as many are sent at a time as may be
ECHOED_ROWS = 8_192
PLANNED_ROWS = 100_000
TURNS = 3
PARTS = ("served", "echo", "plan")
REPLY = json.dumps(
    {
        "choices": [
            {
                "message": {"role": "assistant", "content": "4.5\nIt is right."},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 300, "completion_tokens": 8, "total_tokens": 308},
    }
).encode()


class Echo(httpx2.AsyncBaseTransport):
    """Answers at once, in this process."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the reply."""
        return httpx2.Response(
            200,
            headers={"Content-Type": "application/json", "Content-Length": str(len(REPLY))},
            stream=httpx2.ByteStream(REPLY),
        )


class EchoService:
    """A judge that echoes, in place of a server."""

    def __init__(self, named: Any) -> None:
        self.address = named.address
        self.client = Client(named.address.base, wire=Echo())

    def ask(self, route: str, question: Any) -> Answered:
        """Return the reply to a question of a probe."""
        return Answered(200, json.loads(REPLY))

    def close(self) -> None:
        """Let go of the client."""
        self.client.close()


def write_rows(path: Path, source: Path, count: int) -> None:
    """Write so many different rows: those of a file, over and over, each with its number."""
    opened = gzip.open if source.suffix == ".gz" else open
    with opened(source, "rt", encoding="utf-8") as file:
        rows = [row for row in json.load(file) if row["output"].strip()]
    found = [
        {**rows[place % len(rows)],
         "instruction": f"{rows[place % len(rows)]['instruction']} ({MARK}{place}.)"}
        for place in range(count)
    ]  # fmt: skip
    path.write_text(json.dumps(found))


def judged(folder: Path, data: Path, address: str) -> tuple[float, float]:
    """Return seconds and processor seconds that it takes to judge rows."""
    runtime = Runtime(cache=folder / "cache", workers=1, max_unscored=1.0)
    project = Project(folder / "project", data=data, runtime=runtime)
    scorer = AlpaGasus(judge=address)
    runtime.judge(project.engine.resolve(scorer).judge)  # it is probed before the clock runs
    begun, used = time.perf_counter(), time.process_time()
    project.engine.value(scorer)
    spent = time.perf_counter() - begun, time.process_time() - used
    runtime.models.let_go()
    return spent


def served(folder: Path, source: Path, seconds: float, mean: float) -> dict[str, Any]:
    """Return how many answers came per second in the window after the ramp."""
    data = folder / "rows.json"
    most, ramp = AT_A_TIME / mean, RAMP_MEANS * mean
    count = int((ramp + seconds + 20 * mean) * most)
    write_rows(data, source, count)
    with billing_judge(folder, Manners(mean_seconds=mean)) as port:
        took, used = judged(folder, data, f"http://127.0.0.1:{port}/v1#{NAME}@1")
        books = books_of(port)
    at = np.array(books.answered_at)
    at = np.sort(at - at[0])
    window = (at >= ramp) & (at < ramp + seconds)
    per_second = np.bincount((at[window] - ramp).astype(int), minlength=int(seconds))
    shares = per_second / most
    return {
        "rows": count,
        "rows_per_shard": JudgingPass.rows_per_shard,
        "seconds": seconds,
        "mean_latency_of_the_server_ms": 1000 * mean,
        "most_answers_per_second": most,
        "answers_per_second": round(float(window.sum() / seconds), 1),
        "share_of_the_most": round(float(window.sum() / seconds / most), 4),
        "least_share_in_a_second": round(float(shares.min()), 3),
        "seconds_below_80_percent": int((shares < 0.8).sum()),
        "share_by_second": [round(float(share), 2) for share in shares],
        "most_under_way": books.most_under_way,
        "processor_ms_per_row": round(1000 * used / count, 3),
        "seconds_in_all": round(took, 1),
    }


def echoed(folder: Path, source: Path) -> dict[str, Any]:
    """Return the processor time of a row where nobody is far away."""
    data = folder / "rows.json"
    write_rows(data, source, ECHOED_ROWS)
    opening.open_service = lambda named, runtime, threads: EchoService(named)
    turns = []
    for turn in range(TURNS):
        place = folder / f"turn-{turn}"
        _, used = judged(place, data, "http://127.0.0.1:9/v1#echo@1")
        turns.append(round(1000 * used / ECHOED_ROWS, 3))
    return {"rows": ECHOED_ROWS, "processor_ms_per_row": turns}


def planned(folder: Path, source: Path) -> dict[str, Any]:
    """Return how long it takes to say what 100,000 rows would cost, and how much memory."""
    data = folder / "rows.json"
    write_rows(data, source, PLANNED_ROWS)
    words = ["score", str(data), "alpagasus", "--judge", "https://judge.example.com/v1#model@1",
             "--price", "in=0.15,out=0.6", "-p", str(folder / "project"), "-n"]  # fmt: skip
    begun = time.perf_counter()
    code = "from assay.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        env=os.environ | {"ASSAY_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - begun
    if done.returncode:
        raise SystemExit(done.stderr)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "rows": PLANNED_ROWS,
        "seconds": round(took, 1),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_memory_gib": round(used.ru_maxrss * 1024 / 2**30, 2),
        "said": [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][-8:],
    }


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("data", type=Path, help="rows in Alpaca's layout")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long answers are counted")
    parser.add_argument("--mean-ms", type=float, default=MEAN_MS)
    parser.add_argument("--rows-per-shard", type=int, default=JudgingPass.rows_per_shard)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args()
    os.environ[PARALLEL_VARIABLE] = str(AT_A_TIME)
    JudgingPass.rows_per_shard = options.rows_per_shard
    JudgingPass.least_rows = min(JudgingPass.least_rows, options.rows_per_shard)
    result: dict[str, Any] = {
        "name": "judge_engine",
        "hardware": hardware(),
        "at_a_time": AT_A_TIME,
    }
    for part in PARTS:
        if part not in options.parts:
            continue
        with tempfile.TemporaryDirectory() as folder:
            if part == "served":
                mean = options.mean_ms / 1000
                found = served(Path(folder), options.data, options.seconds, mean)
            else:
                work = echoed if part == "echo" else planned
                found = work(Path(folder), options.data)
        result[part] = {**found, "load_at_end": round(os.getloadavg()[0], 2)}
        sys.stdout.write(f"{part}: {json.dumps(result[part])}\n")
        sys.stdout.flush()
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
