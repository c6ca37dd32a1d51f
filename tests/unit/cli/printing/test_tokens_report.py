"""Tokens are coloured by their probability, and hostile text stays text."""

import io
import math
from dataclasses import replace
from itertools import pairwise

import pytest
from rich.color import Color
from rich.console import Console, RenderableType
from rich.style import Style

from assay.cli.printing.tokens_report import (
    LEAST,
    STYLES,
    answers_parts,
    coloured_text,
    describe_tokens,
    has_colours,
    legend,
    style_of,
    view_facts,
    visible,
)
from assay.components.rendering import Rendering
from assay.samples import Flag, Reason
from assay.wording import jsonable
from assay.workspace.token_view import Token, TokenView, TurnTokens

NAN = float("nan")
_TOKENS = (
    Token("Once", math.log(0.7), math.log(0.2)),
    Token("\n\t[bold]x[/bold]\x1b[31m", math.log(0.05), math.log(0.005)),
    Token(" end", math.log(1e-5), NAN),
)
_VIEW = TokenView(
    model="org/name",
    dtype="bfloat16",
    rendering=Rendering(template="vicuna@0123456789ab", turns="last"),
    turns=(TurnTokens(1, _TOKENS),),
    prompt_tokens=12,
    answer_tokens=5,
    loss_given_prompt=2.0,
    loss_alone=2.5,
    ifd=0.8,
    superfiltering=math.exp(-0.5),
    reason=Reason.OK,
    flags=Flag.PROMPT_TRUNCATED | Flag.FEW_TOKENS,
)


def _shown(content: RenderableType, *, colours: bool = False) -> str:
    file = io.StringIO()
    console = Console(
        file=file, width=200, force_terminal=colours, color_system="truecolor" if colours else None
    )
    console.print(content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("probability", "place"),
    [(1.0, 0), (0.51, 0), (0.49, 1), (0.11, 1), (0.09, 2), (0.0099, 3), (0.0009, 4), (1e-300, 4)],
)
def test_a_style_follows_from_the_probability(probability: float, place: int) -> None:
    assert style_of(math.log(probability)) == STYLES[place]


def test_a_token_that_is_impossible_or_not_scored_has_a_style() -> None:
    assert style_of(-math.inf) == STYLES[-1]
    assert style_of(NAN) not in STYLES


def _luminance(color: Color | None) -> float:
    assert color is not None
    parts = [value / 255 for value in color.get_truecolor()]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_colours_darken_step_by_step_and_letters_stand_out() -> None:
    styles = [Style.parse(text) for text in STYLES[1:]]
    grounds = [_luminance(style.bgcolor) for style in styles]
    letters = [1.0 if "white" in text else 0.0 for text in STYLES[1:]]

    contrast = [
        (max(a, b) + 0.05) / (min(a, b) + 0.05) for a, b in zip(grounds, letters, strict=True)
    ]
    assert grounds == sorted(grounds, reverse=True)
    assert all(one / other > 1.3 for one, other in pairwise(grounds))
    assert min(contrast) > 4.5


def test_line_breaks_and_tabs_are_seen_and_control_characters_are_text() -> None:
    assert visible("a\n\tb\x1b\u202e") == "a↵\n→   b\\x1b\\u202e"


def test_text_is_coloured_token_by_token_and_is_never_markup() -> None:
    text = coloured_text(_TOKENS, "given_prompt")

    assert text.plain == "Once↵\n→   [bold]x[/bold]\\x1b[31m end"
    assert [str(span.style) for span in text.spans] == [STYLES[2], STYLES[4]]
    assert "\x1b[31m" not in _shown(text, colours=True)


def test_a_letter_of_several_tokens_has_their_mean() -> None:
    tokens = [Token("", math.log(0.6), -1.0), Token("", math.log(0.6), -1.0),
              Token("写", math.log(1e-7), -1.0)]  # fmt: skip

    text = coloured_text(tokens, "given_prompt")

    assert text.plain == "写"
    assert text.spans[0].style == style_of(math.log(0.6 * 0.6 * 1e-7) / 3) == STYLES[3]


def test_in_colours_an_answer_stands_twice() -> None:
    shown = "".join(_shown(p) for p in answers_parts(_VIEW, full=False, colours=True)[1])

    assert shown.count("Once") == 2
    assert shown.index("given the prompt, ") < shown.index("alone, ")


def test_without_colours_an_answer_is_a_table() -> None:
    [part] = answers_parts(_VIEW, full=False, colours=False)[1]

    lines = [line.split() for line in _shown(part).splitlines()]
    assert lines[0] == ["token", "given", "the", "prompt", "alone", "difference"]
    assert lines[2] == ["Once", "-0.36", "-1.61", "1.25"]
    assert lines[3] == ["↵→[bold]x[/bold]\\x1b[31m", "-3.00", "-5.30", "2.30"]
    assert lines[4] == ["␣end", "-11.51", "-", "-"]


@pytest.mark.parametrize("colours", [True, False])
def test_a_long_answer_is_cut_unless_all_is_asked_for(colours: bool) -> None:
    view = replace(_VIEW, turns=(TurnTokens(0, (Token("x", -1.0, -1.0),) * 450),))

    short = "".join(_shown(p) for p in answers_parts(view, full=False, colours=colours)[0])
    full = "".join(_shown(p) for p in answers_parts(view, full=True, colours=colours)[0])

    assert "... 50 more tokens (--full)" in short
    assert "--full" not in full


def test_the_legend_names_every_colour() -> None:
    shown = _shown(legend(colours=True))

    for words in ("over 50%", "10-50%", "1-10%", "0.1-1%", "under 0.1%", "0.7, 2.3, 4.6, 6.9"):
        assert words in shown
    assert len(LEAST) == len(STYLES)
    assert "difference" in _shown(legend(colours=False))


def test_the_numbers_of_a_row() -> None:
    lines = [line.split("  ", 1) for line in _shown(view_facts(_VIEW)).splitlines()]
    told = {label: value.strip() for label, value in lines}

    assert told["read by"] == "org/name in bfloat16, template vicuna turns=last"
    assert told["tokens"] == "3 scored of 5 answered, 12 in the prompt"
    assert told["given the prompt"] == "2 nats per token, perplexity 7.389"
    assert told["IFD"].startswith("0.8 ")
    assert told["Superfiltering"].startswith("0.6065 ")
    assert told["note"] == "few tokens; the prompt was cut at its beginning"


def test_a_row_without_a_ratio_says_why() -> None:
    view = replace(_VIEW, reason=Reason.EMPTY_PROMPT, ifd=NAN, superfiltering=NAN)

    shown = _shown(view_facts(view))

    assert "no IFD" in shown
    assert "empty prompt" in shown
    assert "Superfiltering" not in shown


def test_programs_get_both_numbers_of_every_token() -> None:
    described = jsonable(describe_tokens(_VIEW))

    assert described["turns"][0]["turn"] == 1
    assert described["turns"][0]["tokens"][2] == {
        "text": " end", "given_prompt": pytest.approx(math.log(1e-5)), "alone": None,
    }  # fmt: skip
    assert described["scored_tokens"] == 3
    assert described["rendering"]["turns"] == "last"
    assert described["flags"] == ["few_tokens", "prompt_truncated"]
    assert described["reason"] is None


@pytest.mark.parametrize(
    ("console", "told"),
    [
        (Console(force_terminal=True, color_system="256"), True),
        (Console(force_terminal=True, color_system="256", no_color=True), False),
        (Console(force_terminal=True, color_system=None), False),
        (Console(file=io.StringIO(), force_terminal=False), False),
    ],
)
def test_colours_need_a_terminal_that_has_some(console: Console, told: bool) -> None:
    assert has_colours(console) == told
