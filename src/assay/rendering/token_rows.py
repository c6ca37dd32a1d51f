"""Rows as a causal model reads them: token sequences, and which of their tokens are scored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from assay.rendering.encoding import TokenIds
from assay.samples import Flag, IndexArray, Reason


class Answer(NamedTuple):
    """Scored tokens of one assistant turn: positions [start, stop) of their sequence."""

    turn: int
    start: int
    stop: int


class Window(NamedTuple):
    """One sequence that goes through the model.

    `prompt_stop` is where its last answer begins, or its length if there is none; `left_out` are
    the positions of first tokens of answers that are not scored though their answer is.
    """

    ids: TokenIds
    answers: tuple[Answer, ...]
    prompt_stop: int
    left_out: tuple[int, ...] = ()

    def answer_positions(self) -> IndexArray:
        """Return the positions of all scored tokens, ascending."""
        parts = [np.arange(answer.start, answer.stop) for answer in self.answers]
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def spoken_positions(self) -> IndexArray:
        """Return the positions of all tokens of the answers, scored or left out, ascending."""
        left_out = np.array(self.left_out, np.int64)
        return np.sort(np.concatenate([self.answer_positions(), left_out]))


@dataclass(frozen=True)
class TokenRow:
    """A conversation as token sequences: one, unless it is longer than a window, or several asked.

    Attributes:
        windows: every scored answer is in exactly one.
        reason: why nothing is scored.
        why: the same in words, where they say more.
        flags: what happened on the way.
        prompt_tokens: tokens that are not scored, before anything was cut.
        response_tokens: tokens of the answers to be scored, before anything was cut.
        separate: each window is a question of its own, with an answer at its end.
    """

    windows: tuple[Window, ...]
    reason: Reason = Reason.OK
    flags: Flag = Flag.NONE
    prompt_tokens: int = 0
    response_tokens: int = 0
    why: str = ""
    separate: bool = False

    @property
    def total_tokens(self) -> int:
        """Tokens that go through the model."""
        return sum(len(window.ids) for window in self.windows)


class Part(NamedTuple):
    """Tokens of one span; `turn` is that of a scored answer, -1 for all else."""

    ids: Sequence[int]
    turn: int = -1


@dataclass(frozen=True)
class Fitting:
    """How sequences are put together and cut.

    Attributes:
        limit: most tokens of a sequence.
        context: the token before everything, if any. Without it the first token of an answer
            alone has no predictor, so the first token of every answer is left out everywhere.
        drop_too_long: leave out rows with an answer that does not fit by itself.
    """

    limit: int
    context: tuple[int, ...]
    drop_too_long: bool = False

    @property
    def room(self) -> int:
        """Tokens of a sequence besides the context token."""
        return self.limit - len(self.context)

    @property
    def kept_prompt(self) -> int:
        """Tokens of the prompt that stay before an answer that does not fit by itself."""
        return self.limit // 4

    @property
    def kept_answer(self) -> int:
        """Tokens of such an answer that are scored, whatever the prompt."""
        return self.room - self.kept_prompt

    def given_prompt(self, parts: Sequence[Part]) -> TokenRow:
        """Return a row whose answers are scored given all that was said before them."""
        body = [token for part in parts for token in part.ids]
        answers = _answers(parts)
        if len(body) <= self.room:
            window = self._window(body, 0, len(body), answers)
            return self._row([window], parts, Flag.NONE)
        windows: list[Window] = []
        flags = Flag.NONE
        while answers:
            begin, taken = self._next_window(answers, bool(windows))
            if begin > 0:
                flags |= Flag.PROMPT_TRUNCATED
            if begin >= answers[0].start > 0:
                flags |= Flag.PROMPT_LOST
            inside = answers[:taken]
            stop = inside[-1].stop
            if inside[0].stop - inside[0].start > self.room:
                flags |= Flag.RESPONSE_TRUNCATED
                stop = inside[0].start + self.kept_answer
                inside = [inside[0]._replace(stop=stop)]
            windows.append(self._window(body, begin, stop, inside))
            answers = answers[taken:]
        if not windows:  # nothing to score: what stands last is kept
            flags |= Flag.PROMPT_TRUNCATED
            windows.append(self._window(body, len(body) - self.room, len(body), []))
        return self._row(windows, parts, flags)

    def alone(self, parts: Sequence[Part]) -> TokenRow:
        """Return a row each of whose answers is scored by itself."""
        windows = []
        flags = Flag.NONE
        for part in parts:
            if part.turn < 0:
                continue
            kept = list(part.ids)
            if len(kept) > self.room:
                kept = kept[: self.kept_answer]
                flags |= Flag.RESPONSE_TRUNCATED
            windows.append(self._window(kept, 0, len(kept), [Answer(part.turn, 0, len(kept))]))
        return self._row(windows, [part for part in parts if part.turn >= 0], flags)

    def _next_window(self, answers: Sequence[Answer], later: bool) -> tuple[int, int]:
        """Return where the next window begins, and how many answers it holds."""
        first = answers[0]
        if first.stop - first.start > self.room:
            return max(0, first.start - self.kept_prompt), 1
        # Answers that fit together, with at least some of what was said before the first.
        origin = max(0, first.start - self.kept_prompt) if later else 0
        taken = 1
        while taken < len(answers) and answers[taken].stop - origin <= self.room:
            taken += 1
        return max(0, answers[taken - 1].stop - self.room), taken

    def _window(
        self, body: Sequence[int], begin: int, stop: int, answers: Sequence[Answer]
    ) -> Window:
        shift = len(self.context) - begin
        unpredicted = 0 if self.context else 1
        moved = [Answer(turn, start + shift, end + shift) for turn, start, end in answers]
        later = [answer._replace(start=answer.start + unpredicted) for answer in moved]
        scored = tuple(answer for answer in later if answer.start < answer.stop)
        left_out = tuple(answer.start for answer in moved if answer.start < answer.stop)
        ids = np.array([*self.context, *body[begin:stop]], np.int32)
        prompt_stop = moved[-1].start if moved else len(ids)
        return Window(ids, scored, prompt_stop, left_out if unpredicted else ())

    def _row(self, windows: Sequence[Window], parts: Sequence[Part], flags: Flag) -> TokenRow:
        answered = any(part.turn >= 0 for part in parts)
        scored = any(window.answers for window in windows)
        reason = Reason.OK
        if not scored:
            reason = Reason.NO_SCORED_TOKENS if answered else Reason.EMPTY_RESPONSE
        elif self.drop_too_long and flags & Flag.RESPONSE_TRUNCATED:
            reason = Reason.TOO_LONG
        return TokenRow(
            tuple(windows),
            reason,
            flags,
            prompt_tokens=sum(len(part.ids) for part in parts if part.turn < 0),
            response_tokens=sum(len(part.ids) for part in parts if part.turn >= 0),
        )


def _answers(parts: Sequence[Part]) -> list[Answer]:
    answers = []
    start = 0
    for part in parts:
        if part.turn >= 0:
            answers.append(Answer(part.turn, start, start + len(part.ids)))
        start += len(part.ids)
    return answers
