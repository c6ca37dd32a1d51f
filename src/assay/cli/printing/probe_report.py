"""What ``assay judge probe`` says: what a judge can do, and how it is therefore asked."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from assay.cli.console import facts, table
from assay.wording import listed, number_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from assay.judging.opening import Probed

_NAMES = {
    "chat": "chats",
    "completions": "goes on with a text",
    "system": "hears a system message",
    "temperature": "takes a temperature",
    "max_tokens": "limit max_tokens",
    "max_completion_tokens": "limit max_completion_tokens",
    "label_logprobs": "tells probabilities",
    "raw_logprobs": "  the same when warm",
    "free_logprobs": "  the same when constrained",
    "prompt_logprobs": "  of the prompt, too",
    "json_schema": "keeps to a schema",
    "grammar": "keeps to given words",
    "stable": "repeats itself at 0",
    "usage": "counts tokens",
    "reasoning": "thinks before it answers",
}
_WAYS = {
    "label_logprobs": "by the probabilities of labels",
    "json_schema": "by an object that its server holds to a schema",
    "text": "in words",
}


def describe_probe(probed: "Probed") -> dict[str, Any]:
    """Return what is known of a judge, as data."""
    found = probed.found
    choice = found.choose()
    return {
        "judge": probed.name,
        "identity": probed.identity,
        "probed_now": probed.anew,
        "changed": list(probed.changed),
        "findings": {
            name: {"standing": str(finding.standing), "evidence": finding.evidence}
            for name, finding in found.findings().items()
        },
        "asked": {
            "mode": choice.mode,
            "modes": list(found.modes()),
            "passed_over": list(choice.passed_over),
            "limit": found.limit or None,
            "temperature": found.temperature.holds,
            "demands_by": found.choice or None,
            "candidates": found.candidates,
        },
        "probe": {
            "requests": found.requests,
            "tokens_in": found.tokens_in,
            "tokens_out": found.tokens_out,
        },
    }


def probe_parts(described: dict[str, Any]) -> "Iterator[RenderableType]":
    """Yield what is known of a judge, for a reader."""
    from rich.text import Text

    asked, probe = described["asked"], described["probe"]
    sent = f"{number_of(probe['requests'], 'request')}, {probe['tokens_in']:,} tokens in, "
    when = "now" if described["probed_now"] else "earlier; --again asks anew"
    yield facts(
        [
            ("judge", described["judge"]),
            ("probed", f"{when}: {sent}{probe['tokens_out']:,} out"),
        ]
    )
    yield Text()
    yield table(
        ["it", "", "seen"],
        [
            (_NAMES.get(name, name), finding["standing"], finding["evidence"])
            for name, finding in described["findings"].items()
        ],
    )
    yield Text()
    yield facts(_how(asked))


def _how(asked: dict[str, Any]) -> Iterator[tuple[str, object]]:
    yield "asked", _WAYS[asked["mode"]]
    for line in asked["passed_over"]:
        yield "  rather not", line
    others = [_WAYS[mode] for mode in asked["modes"] if mode != asked["mode"]]
    if others:
        yield "  also", listed(others)
    yield "limit", asked["limit"] or "none: a reply is as long as the server lets it be"
    yield "temperature", "is set" if asked["temperature"] else "is the server's own"
    if asked["mode"] == "label_logprobs":
        yield "candidates", f"{asked['candidates']} likeliest tokens"
    if asked["demands_by"]:
        yield "words are demanded by", asked["demands_by"]
