"""How long does it take to find near-duplicates, and against datasketch?

Both sides shingle the same texts, make signatures of 128 permutations and look for pairs above 0.8;
ours also verifies them. Run: python benchmarks/minhash.py pool.json [--rows N] [--json result.json]
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

import datasketch
from harness import hardware, seconds

from assay.solvers.duplicates import normalised_text
from assay.texts.minhash import SHINGLE_CHARACTERS, near_duplicate_pairs

TURNS = 3
BASELINE_ROWS = 2000


def with_datasketch(texts: list[str]) -> int:
    index = datasketch.MinHashLSH(threshold=0.8, num_perm=128)
    found = 0
    for row, text in enumerate(map(normalised_text, texts)):
        runs = {
            text[start : start + SHINGLE_CHARACTERS].encode()
            for start in range(max(1, len(text) - SHINGLE_CHARACTERS + 1))
        }
        signature = datasketch.MinHash(num_perm=128)
        signature.update_batch(runs)
        found += len(index.query(signature))
        index.insert(row, signature)
    return found


def read_texts(path: Path) -> list[str]:
    content = path.read_text(encoding="utf-8")
    rows = (
        json.loads(content)
        if content.lstrip().startswith("[")
        else [json.loads(line) for line in content.splitlines() if line]
    )
    return ["\n".join(str(value) for value in row.values() if value) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    texts = read_texts(options.pool)
    texts = (texts * -(-(options.rows or len(texts)) // len(texts)))[: options.rows]
    # Copies of a pool would be joined as equal texts: a number makes every row one of its own.
    if options.rows:
        texts = [f"{row} {text}" for row, text in enumerate(texts)]
    sample = texts[:BASELINE_ROWS]
    whole, ours, theirs = [], [], []
    for _ in range(TURNS):
        whole.append(seconds(lambda: near_duplicate_pairs(texts, threads=options.threads)))
        ours.append(seconds(lambda: near_duplicate_pairs(sample, threads=options.threads)))
        theirs.append(seconds(lambda: with_datasketch(sample)))
    result = hardware() | {
        "rows": len(texts),
        "threads": options.threads,
        "seconds": statistics.median(whole),
        "sample_rows": len(sample),
        "sample_seconds": statistics.median(ours),
        "datasketch_seconds": statistics.median(theirs),
        "ratio": statistics.median(theirs) / statistics.median(ours),
    }
    json.dump(result, sys.stdout, indent=1)
    print()
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
