"""The tokens of a row's answers, and what a language model makes of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import NamedTuple

import numpy as np

from assay.components.references import name_of
from assay.components.rendering import Rendering
from assay.echo import Brief
from assay.features.made_models import model_name
from assay.features.passes import StagedReading
from assay.methods.likelihood.ifd import IFD
from assay.methods.likelihood.superfiltering import Superfiltering
from assay.models.language_model import at_work
from assay.rendering.token_rows import TokenRow
from assay.rendering.tokenization import Preceding
from assay.runtime import Runtime
from assay.samples import Conversation, Flag, Reason, Scores
from assay.values import LogProbs


class Token(NamedTuple):
    """A token, and its log-probability after the prompt and after nothing; NaN where not scored.

    A character of several tokens is the text of the last of them.
    """

    text: str
    given_prompt: float
    alone: float


@dataclass(frozen=True, repr=False)
class TurnTokens(Brief):
    """The scored tokens of one assistant turn; `turn` counts these turns from 0."""

    turn: int
    tokens: tuple[Token, ...]


@dataclass(frozen=True, repr=False)
class TokenView(Brief):
    """A row as a language model reads it.

    Attributes:
        model: name of the model.
        dtype: its number format.
        rendering: template, turns and limits.
        turns: the answers, in order.
        prompt_tokens: tokens before and between them, before anything was cut.
        answer_tokens: tokens of them, before anything was cut.
        loss_given_prompt: mean loss of a scored token after the prompt, in nats; NaN without any.
        loss_alone: the same after nothing.
        ifd: ratio of the losses; NaN where `reason` is not OK.
        superfiltering: ratio of the perplexities; NaN alike.
        reason: why there is no ratio.
        why: the same in words, where they say more.
        flags: what happened on the way.
    """

    model: str
    dtype: str
    rendering: Rendering
    turns: tuple[TurnTokens, ...]
    prompt_tokens: int
    answer_tokens: int
    loss_given_prompt: float
    loss_alone: float
    ifd: float
    superfiltering: float
    reason: Reason
    flags: Flag
    why: str = ""


def token_view(conversation: Conversation, scorer: IFD, runtime: Runtime) -> TokenView:
    """Return the tokens of a conversation's answers, read given the prompt and alone.

    Args:
        conversation: what is read.
        scorer: whose model and rendering are used, with everything it names pinned.
        runtime: how to work; nothing is stored.

    Raises:
        AssayError: if the model cannot be opened, or the rendering does not fit it.
    """
    row, conditioned = _read(conversation, scorer, "prompt", runtime)
    row_alone, alone = _read(conversation, scorer, "nothing", runtime)
    rendering = scorer.used_rendering()
    ratios = scorer.score(conditioned=conditioned, alone=alone)
    perplexities = Superfiltering().score(conditioned=conditioned, alone=alone)
    reason = _reason(conditioned, alone, ratios)
    parts = _by_turn(row, conditioned), _by_turn(row_alone, alone)
    name = model_name(scorer.model)
    model = runtime.language_model(name, scorer.dtype)
    turns = []
    for turn in sorted(parts[0] | parts[1]):
        ids, given_prompt, by_itself = _aligned(*(part.get(turn, _Scored()) for part in parts))
        shown = _last_turn(conversation) if rendering.reference else turn
        with at_work(model):
            pieces = model.pieces(ids)
        tokens = zip(pieces, given_prompt, by_itself, strict=True)
        turns.append(TurnTokens(shown, tuple(Token(*token) for token in tokens)))
    known = reason == Reason.OK
    return TokenView(
        model=name_of(name),
        dtype=scorer.dtype,
        rendering=rendering,
        turns=tuple(turns),
        prompt_tokens=int(conditioned.prompt_tokens[0]),
        answer_tokens=int(conditioned.response_tokens[0]),
        loss_given_prompt=-float(conditioned.mean()[0]),
        loss_alone=-float(alone.mean()[0]),
        ifd=float(ratios.values[0]) if known else float("nan"),
        superfiltering=float(perplexities.values[0]) if known else float("nan"),
        reason=reason,
        flags=Flag(int(conditioned.flags[0] | alone.flags[0])),
        why=row.why,
    )


def _read(
    conversation: Conversation, scorer: IFD, given: Preceding, runtime: Runtime
) -> tuple[TokenRow, LogProbs]:
    feature = scorer.log_probs(given).model_copy(update={"tokens": True})
    with feature.reading().open(runtime) as reading:
        if not isinstance(reading, StagedReading):
            raise TypeError("a causal pass is read in two steps")
        rows: list[TokenRow] = reading.prepare([conversation], [feature])
        (value,) = reading.finish(rows, [feature], lambda count: None)
    if not isinstance(value, LogProbs):
        raise TypeError("log-probabilities were asked for")
    return rows[0], value


def _reason(conditioned: LogProbs, alone: LogProbs, ratios: Scores) -> Reason:
    for found in (conditioned.reason, alone.reason, ratios.reason):
        if found[0]:
            return Reason(int(found[0]))
    return Reason.OK if np.isfinite(ratios.values[0]) else Reason.NON_FINITE


class _Scored(NamedTuple):
    """Ids of the scored tokens of a turn, and a number for each."""

    ids: Sequence[int] = ()
    numbers: Sequence[float] = ()


def _by_turn(row: TokenRow, value: LogProbs) -> dict[int, _Scored]:
    numbers = [] if value.tokens is None else value.tokens.to_list()[0]
    found: dict[int, _Scored] = {}
    first = 0
    for window in row.windows:
        for turn, start, stop in window.answers:
            last = first + stop - start
            found[turn] = _Scored(window.ids[start:stop].tolist(), numbers[first:last])
            first = last
    return found


def _aligned(given: _Scored, alone: _Scored) -> tuple[list[int], list[float], list[float]]:
    """Return the tokens of both readings, and both numbers of each.

    They are the same tokens, except where a published code is followed, which may begin later.
    """
    if list(given.ids) == list(alone.ids):
        return list(given.ids), list(given.numbers), list(alone.numbers)
    ids: list[int] = []
    numbers: tuple[list[float], list[float]] = ([], [])
    matcher = SequenceMatcher(None, given.ids, alone.ids, autojunk=False)
    for tag, i, i_end, j, j_end in matcher.get_opcodes():
        ids += given.ids[i:i_end]
        numbers[0].extend(given.numbers[i:i_end])
        if tag == "equal":
            numbers[1].extend(alone.numbers[j:j_end])
            continue
        ids += alone.ids[j:j_end]
        numbers[0].extend([np.nan] * (j_end - j))
        numbers[1].extend([np.nan] * (i_end - i) + list(alone.numbers[j:j_end]))
    return ids, *numbers


def _last_turn(conversation: Conversation) -> int:
    return max(conversation.learned_turns, default=-1)
