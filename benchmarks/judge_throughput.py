"""How many replies per second does the client of judges get, and what does one cost here?

A server in a process of its own answers after times that are log-normal with a mean of 200 ms.
Once 64 requests are sent at a time, replies are counted over a minute, against the most that 64 at
a time could bring: 64 by the mean latency. On a busy machine replies are seen later than they were
due; the share of time in flight tells how much of the minute 64 requests were under way. Processor
time is what a request takes of this process where an echo in the same process stands in place of
the network.

Run: python benchmarks/judge_throughput.py [--seconds 60] [--json results/judge_throughput.json]
"""

import asyncio
import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx2
import numpy as np
from harness import TURNS, argument_parser, hardware

from assay.backends.endpoint.client import PARALLEL_VARIABLE, Client

AT_A_TIME = 64
OFFERED = 96
MEAN_SECONDS = 0.2
SIGMA = 0.5
ECHOES = 10_000
MOST_RAMP_SECONDS = 60.0
SERVE = "--serve"
ROUTE = "/v1/chat/completions"
BODY = json.dumps(
    {
        "model": "judge",
        "messages": [{"role": "user", "content": "Rate the answer from 1 to 5. " * 40}],
        "max_tokens": 4,
    }
).encode()
REPLY = json.dumps(
    {
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "4"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 300, "completion_tokens": 1},
    }
).encode()
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


# The server


async def serve() -> None:
    """Answer until standard input ends, each request after a time of its own."""
    generator = np.random.default_rng(0)
    content = _HEAD % len(REPLY) + REPLY

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = head.split(b"content-length:")[1].split(b"\r\n")[0]
                await reader.readexactly(int(length))
                mu = math.log(MEAN_SECONDS) - SIGMA**2 / 2
                await asyncio.sleep(float(generator.lognormal(mu, SIGMA)))
                writer.write(content)
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)  # requests that were given up are still answered


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Yield where the server answers."""
    process = subprocess.Popen(
        [sys.executable, __file__, SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}{ROUTE}"
    finally:
        process.communicate()


class Echo(httpx2.AsyncBaseTransport):
    """Answers at once, in this process."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the reply."""
        return httpx2.Response(
            200,
            headers={"Content-Type": "application/json", "Content-Length": str(len(REPLY))},
            stream=httpx2.ByteStream(REPLY),
        )


# What is measured


async def replies(client: Client, url: str, window_seconds: float) -> dict[str, float]:
    """Return how many replies came per second once as many are sent at a time as may be."""
    count = 0
    latencies: list[float] = []

    async def ask() -> None:
        nonlocal count
        while True:
            answer = await client.send(url, BODY)
            latencies.append(answer.seconds)
            count += 1

    begun = time.perf_counter()
    askers = [asyncio.ensure_future(ask()) for _ in range(OFFERED)]
    while client.limit < AT_A_TIME and time.perf_counter() - begun < MOST_RAMP_SECONDS:
        await asyncio.sleep(0.1)
    ramp = time.perf_counter() - begun
    await asyncio.sleep(5 * MEAN_SECONDS)  # until the last of the fewer are answered
    count, processor, start = 0, time.process_time(), time.perf_counter()
    latencies.clear()
    await asyncio.sleep(window_seconds)
    seconds, counted = time.perf_counter() - start, count
    processor = time.process_time() - processor
    for asker in askers:
        asker.cancel()
    await asyncio.gather(*askers, return_exceptions=True)
    return {
        "ramp_up_seconds": round(ramp, 1),
        "seconds": round(seconds, 1),
        "replies_per_second": round(counted / seconds, 1),
        "share_of_the_most": round(counted / seconds * MEAN_SECONDS / AT_A_TIME, 4),
        "share_of_time_in_flight": round(
            counted / seconds * statistics.fmean(latencies) / AT_A_TIME, 4
        ),
        "mean_latency_seen_ms": round(1000 * statistics.fmean(latencies), 1),
        "processor_ms_per_request": round(1000 * processor / counted, 3),
    }


async def echoes(client: Client, url: str) -> float:
    """Return milliseconds of processor time to a request that is answered in this process."""
    left = ECHOES

    async def ask() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await client.send(url, BODY)

    begun = time.process_time()
    await asyncio.gather(*(ask() for _ in range(OFFERED)))
    return 1000 * (time.process_time() - begun) / ECHOES


def main() -> None:
    parser = argument_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long replies are counted")
    options = parser.parse_args()
    os.environ[PARALLEL_VARIABLE] = str(AT_A_TIME)
    machine = hardware()
    turns = []
    for _ in range(TURNS):
        echoing = Client("http://127.0.0.1/v1", wire=Echo())
        turns.append(echoing.run(echoes(echoing, f"http://127.0.0.1{ROUTE}")))
        echoing.close()
    with serving() as url:
        client = Client(url)
        served = client.run(replies(client, url, options.seconds))
        client.close()
    result = {
        "name": "judge_throughput",
        "hardware": machine,
        "at_a_time": AT_A_TIME,
        "mean_latency_of_the_server_ms": 1000 * MEAN_SECONDS,
        "most_replies_per_second": AT_A_TIME / MEAN_SECONDS,
        "served": served,
        "echo_processor_ms_per_request": [round(turn, 3) for turn in turns],
        "load_at_end": round(os.getloadavg()[0], 2),
    }
    for key, value in result.items():
        sys.stdout.write(f"{key}: {value}\n")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    if SERVE in sys.argv:
        asyncio.run(serve())
    else:
        main()
