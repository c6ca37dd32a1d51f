"""Answers token by token, as a language model finds them: coloured, as a table, or as numbers."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from assay.cli.console import Column, facts, table
from assay.cli.naming import shown_path
from assay.samples import Flag, Reason
from assay.wording import number_text, plain

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

    from assay.workspace.token_view import Token, TokenView, TurnTokens

Side = Literal["given_prompt", "alone"]
READINGS: Mapping[Side, str] = {"given_prompt": "given the prompt", "alone": "alone"}

LEAST = (0.5, 0.1, 0.01, 0.001, 0.0)
"""Least probability of each colour, from the most probable tokens to the least."""
# Ever darker from yellow to brown, so that the order is seen without telling hues apart; letters
# have a colour of their own, so that they are read on any background.
STYLES = (
    "", "black on #ffd787", "black on #ffaf00", "black on #d75f00", "bold bright_white on #870000"
)  # fmt: skip
_UNSCORED = "dim italic"
_LISTED = 400
_FLAGS = {
    Flag.RESPONSE_TRUNCATED: "an answer was cut at its end",
    Flag.PROMPT_TRUNCATED: "the prompt was cut at its beginning",
    Flag.PROMPT_LOST: "the answer left no room for its prompt",
    Flag.BOUNDARY_MERGE: "prompt and answer share a token",
    Flag.INJECTION_SUSPECT: "the text holds special tokens of the model",
    Flag.EMPTY_PROMPT: "the prompt is empty",
    Flag.PARTLY_RENDERED: "the chat template leaves out words or calls",
}


def describe_tokens(view: "TokenView") -> dict[str, Any]:
    """Return all that is told about the tokens of a row, for programs."""
    return {
        "model": view.model,
        "dtype": view.dtype,
        "rendering": view.rendering.model_dump(),
        "turns": [
            {"turn": turn.turn, "tokens": [token._asdict() for token in turn.tokens]}
            for turn in view.turns
        ],
        "prompt_tokens": view.prompt_tokens,
        "answer_tokens": view.answer_tokens,
        "scored_tokens": _scored(view),
        "loss_given_prompt": view.loss_given_prompt,
        "loss_alone": view.loss_alone,
        "ifd": view.ifd,
        "superfiltering": view.superfiltering,
        "reason": None if view.reason == Reason.OK else view.reason.name.lower(),
        "why": view.why or None,
        "flags": [flag.name.lower() for flag in view.flags if flag.name],
    }


def _scored(view: "TokenView") -> int:
    return sum(
        not math.isnan(token.given_prompt) for turn in view.turns for token in turn.tokens
    )  # fmt: skip


def has_colours(console: "Console") -> bool:
    """Return whether colours differ on a console."""
    return console.is_terminal and not console.no_color and console.color_system is not None


def answers_parts(
    view: "TokenView", *, full: bool, colours: bool
) -> "dict[int, list[RenderableType]]":
    """Return what a person reads in place of each answer: twice in colours, or as a table."""
    from rich.text import Text

    shown: dict[int, list[RenderableType]] = {}
    for turn in view.turns:
        tokens = turn.tokens if full else turn.tokens[:_LISTED]
        parts = list(_coloured(turn, tokens)) if colours else [_listed(tokens)]
        if len(tokens) < len(turn.tokens):
            rest = len(turn.tokens) - len(tokens)
            parts.append(Text(f"... {rest:,} more tokens (--full)", style="dim"))
        shown[turn.turn] = parts
    return shown


def _coloured(turn: "TurnTokens", tokens: "Sequence[Token]") -> "Iterator[RenderableType]":
    from rich.text import Text

    for reading, name in READINGS.items():
        known = [loss for token in turn.tokens if not math.isnan(loss := -getattr(token, reading))]
        mean = f", {number_text(sum(known) / len(known))} nats per token" if known else ""
        yield Text(f"{name}{mean}", style="dim")
        yield coloured_text(tokens, reading)


def coloured_text(tokens: "Sequence[Token]", reading: Side) -> "Text":
    """Return tokens as text, each on the colour of its probability.

    A character of several tokens has the colour of their mean log-probability.
    """
    from rich.text import Text

    text = Text()
    waiting: list[float] = []
    for token in tokens:
        waiting.append(getattr(token, reading))
        if token.text:
            text.append(visible(token.text), style=style_of(sum(waiting) / len(waiting)))
            waiting = []
    return text


def visible(text: str) -> str:
    """Return text whose line breaks and tabs are seen, and break lines as before."""
    return plain(text).replace("\t", "→   ").replace("\n", "↵\n")


def style_of(log_probability: float) -> str:
    """Return the style of a token; one that is not scored has its own."""
    if math.isnan(log_probability):
        return _UNSCORED
    probability = math.exp(log_probability)
    return next(style for style, least in zip(STYLES, LEAST, strict=True) if probability >= least)


def _listed(tokens: "Sequence[Token]") -> "RenderableType":
    columns: list[Column] = ["token"]
    columns += [(name, "right") for name in [*READINGS.values(), "difference"]]
    return table(
        columns,
        [
            (_cell(token.text), _number(token.given_prompt), _number(token.alone),
             _number(token.given_prompt - token.alone))
            for token in tokens
        ],
    )  # fmt: skip


def _cell(text: str) -> str:
    """Return a token as one word; one that is only a part of a character as an ellipsis."""
    return plain(text).replace(" ", "␣").replace("\t", "→").replace("\n", "↵") or "…"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def legend(*, colours: bool) -> "Text":
    """Return what colours or columns mean."""
    from rich.text import Text

    if not colours:
        return Text(
            "log-probability of each token in nats: 0 is certain, -0.7 is 1 in 2, -2.3 1 in 10, "
            "-4.6 1 in 100; difference: above 0 the prompt helped",
            style="dim",
        )
    bounds = [1.0, *LEAST]
    parts: list[tuple[str, str]] = [("probability of the token  ", "dim")]
    for style, (most, least) in zip(STYLES, pairwise(bounds), strict=True):
        parts += [(f" {_range(most, least)} ", style), (" ", "")]
    losses = ", ".join(f"{-math.log(least):.1f}" for least in LEAST[:-1])
    parts.append((f"\nborders in nats of loss   {losses}", "dim"))
    return Text.assemble(*parts)


def _range(most: float, least: float) -> str:
    if most == 1:
        return f"over {least:.0%}"
    return f"{100 * least:g}-{100 * most:g}%" if least else f"under {100 * most:g}%"


def view_facts(view: "TokenView") -> "RenderableType":
    """Return the numbers of a row, or why it has none."""
    return facts(_facts(view))


def _facts(view: "TokenView") -> Iterator[tuple[str, object]]:
    number = "" if view.dtype == "float32" else f" in {view.dtype}"
    name = shown_path(Path(view.model)) if Path(view.model).exists() else view.model
    yield "read by", f"{name}{number}, template {view.rendering}"
    answered = f"{_scored(view):,} scored of {view.answer_tokens:,} answered"
    yield "tokens", f"{answered}, {view.prompt_tokens:,} in the prompt"
    for name, loss in (("given the prompt", view.loss_given_prompt), ("alone", view.loss_alone)):
        if not math.isnan(loss):
            perplexity = number_text(math.exp(min(loss, 700.0)))
            yield name, f"{number_text(loss)} nats per token, perplexity {perplexity}"
    if view.reason == Reason.OK:
        yield "IFD", f"{number_text(view.ifd)}  (ratio of the losses)"
        yield "Superfiltering", f"{number_text(view.superfiltering)}  (ratio of the perplexities)"
    else:
        reason = view.reason.name.lower().replace("_", " ")
        yield "no IFD", f"{reason}: {view.why}" if view.why else reason
    reported = [_FLAGS.get(flag, str(flag.name).lower().replace("_", " ")) for flag in view.flags]
    if reported:
        yield "note", "; ".join(reported)
