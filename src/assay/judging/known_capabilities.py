"""What was found of judges, kept so that none is probed twice."""

import hashlib
import json
from pathlib import Path

from assay.components.money import DEFAULT_CURRENCY, parse_currency
from assay.errors import ConfigError
from assay.files import atomic_write
from assay.judging.capabilities import Capabilities, Finding

_UNKNOWN = Finding.unknown("it was not probed yet")
ASSUMED = Capabilities(
    chat=Finding.yes("assumed"),
    completions=_UNKNOWN,
    system=Finding.yes("assumed"),
    temperature=Finding.yes("assumed"),
    max_tokens=Finding.yes("assumed"),
    max_completion_tokens=_UNKNOWN,
    label_logprobs=_UNKNOWN,
    raw_logprobs=_UNKNOWN,
    free_logprobs=_UNKNOWN,
    prompt_logprobs=_UNKNOWN,
    json_schema=_UNKNOWN,
    grammar=_UNKNOWN,
    stable=_UNKNOWN,
    usage=_UNKNOWN,
    reasoning=_UNKNOWN,
    limit="max_tokens",
)
"""What a price is told with before a judge is probed: it writes free text, as long as it may."""


def known(folder: Path, judge: str) -> Capabilities:
    """Return what was found of a judge; `ASSUMED` if nothing was.

    Args:
        folder: where replies are kept.
        judge: its identity.
    """
    try:
        return Capabilities.of_facts(json.loads(_path(folder, judge).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return ASSUMED


def remember(folder: Path, judge: str, found: Capabilities) -> None:
    """Keep what was found of a judge."""
    path = _path(folder, judge)
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(found.facts(), indent=1), encoding="utf-8")


def remember_currency(folder: Path, judge: str, currency: str) -> None:
    """Keep in what a judge is paid, for those who look at what it has cost."""
    path = _path(folder, judge, "currencies")
    if currency_of(folder, judge) != currency or not path.exists():
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(currency), encoding="utf-8")


def currency_of(folder: Path, judge: str) -> str:
    """Return in what a judge was last paid, or the usual currency."""
    try:
        found = json.loads(_path(folder, judge, "currencies").read_text(encoding="utf-8"))
        return parse_currency(str(found))
    except (FileNotFoundError, ValueError, ConfigError):
        return DEFAULT_CURRENCY


def _path(folder: Path, judge: str, kind: str = "probes") -> Path:
    name = hashlib.blake2b(judge.encode(), digest_size=8).hexdigest()
    return folder / kind / f"{name}.json"
