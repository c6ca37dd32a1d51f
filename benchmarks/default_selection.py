"""Which selection should `assay select` make when no method is named?

Four yardsticks, each a part that runs by itself and is added to one file:

judged    1,000 rows with a judge's scores: does a quality agree with it, also among answers of
          equal length, and by how much is what a candidate takes rated above the pool?
spoiled   rows spoiled in ten ways that a person sees at once: how often does the whole row rank
          above the spoiled one, and how much of a selection is spoiled when a tenth of the pool is?
shapes    how long are the answers that a candidate takes of real pools, at 1 to 20 %?
compared  what do models tuned on the selections lose on questions, by records of `assay compare`?

`python -m scripts.make_docs` makes docs/concepts/default.md and its picture of the file.

Run: python benchmarks/default_selection.py judged --judged ROWS.jsonl SCORED.jsonl
     python benchmarks/default_selection.py spoiled --pool Alpaca=alpaca.json --rows 3000 \
         --foreign chinese.jsonl --foreign english.json --neighbours Alpaca
     python benchmarks/default_selection.py shapes --pool Alpaca=alpaca.json
     python benchmarks/default_selection.py compared --comparison 'LABEL=FOLDER'
"""

import argparse
import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from default_candidates import CANDIDATES, DEFAULT, NEIGHBOURS, QUALITIES
from default_compared import compared
from default_judged import judged
from default_spoiled import TINY, VERY_LONG, shapes, spoiled
from harness import argument_parser, hardware

TARGET = Path(__file__).parent / "results" / "default_selection.json"
_ALL = 1_000_000_000
_FLAT = re.compile(r"[{\[]\n\s+([^{}\[\]]*?)\n\s+[}\]]")


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__)
    parser.set_defaults(json=TARGET)
    parser.add_argument("part", choices=("judged", "spoiled", "shapes", "compared"))
    parser.add_argument("--judged", type=Path, nargs=2, metavar=("ROWS", "SCORED"))
    parser.add_argument("--pool", type=_named, action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--foreign", type=Path, action="append", default=[])
    parser.add_argument("--rows", type=int, default=_ALL, help="most rows drawn of a pool")
    parser.add_argument(
        "--neighbours",
        action="append",
        default=[],
        metavar="NAME",
        help="spoiled: a pool on which the default with other numbers is tried, too",
    )
    parser.add_argument(
        "--comparison", type=_named, action="append", default=[], metavar="LABEL=PATH"
    )
    return parser


def _named(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if not path:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=PATH")
    return name, Path(path)


def _result(options: argparse.Namespace) -> dict[str, Any]:
    if options.part == "judged":
        return judged(*options.judged)
    if options.part == "compared":
        return {label: compared(path) for label, path in options.comparison}
    if options.part == "shapes":
        return {name: shapes(path, options.rows) for name, path in options.pool}
    return {
        name: spoiled(path, options.rows, options.foreign, neighbours=name in options.neighbours)
        for name, path in options.pool
    }


def _merged(old: Mapping[str, Any], part: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the file with a part replaced; of pools and comparisons only those just measured."""
    kept = old.get(part, {}) if part != "judged" else {}
    measured = {**kept.get("of", {}), **found} if part != "judged" else found
    return {
        **old,
        "name": "default_selection",
        "default": DEFAULT,
        "candidates": CANDIDATES,
        "neighbours": NEIGHBOURS,
        "qualities": QUALITIES,
        "tiny": TINY,
        "very_long": VERY_LONG,
        part: {"hardware": hardware(), "of": measured},
    }


def _written(content: Mapping[str, Any]) -> str:
    """Return JSON whose innermost objects and arrays take a line each."""
    text = json.dumps(content, indent=1, ensure_ascii=False)

    def flat(found: re.Match[str]) -> str:
        inner = " ".join(line.strip() for line in found[1].splitlines())
        return f"{found[0][0]}{inner}{found[0][-1]}"

    return _FLAT.sub(flat, text) + "\n"


def main() -> None:
    """Run a part and add it to the file."""
    parser = _parser()
    options = parser.parse_args()
    needed = {"judged": "judged", "compared": "comparison"}.get(options.part, "pool")
    if not getattr(options, needed):
        parser.error(f"{options.part} needs --{needed}")
    if options.part == "spoiled" and not options.foreign:
        parser.error("spoiled needs --foreign: answers in another language")
    with tempfile.TemporaryDirectory(prefix="assay-cache-") as cache:
        os.environ.setdefault("ASSAY_CACHE", cache)
        found = _result(options)
    target: Path = options.json
    old = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
    target.write_text(_written(_merged(old, options.part, found)), encoding="utf-8")
    print(f"wrote {options.part} to {target}")


if __name__ == "__main__":
    main()
