"""The model's own chat template, with the assistant's words found exactly.

A template is a program that may trim, move or drop text. The words of each turn are replaced by a
mark that no text holds, the conversation is rendered with the marks and with the words, and the
marks are put back: only if both agree to the letter, but for blanks at the ends of words, are the
places of the words known. Words that are empty or blank have no mark, as templates ask for that.

Where that fails, because a template takes hidden thinking out of the words or drops that of
earlier turns, what stands between the tags of thinking gets marks of its own.
"""

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from assay.errors import FeatureError
from assay.rendering.chat_messages import (
    ChatForm,
    arguments_object,
    called,
    chat_forms,
    chat_messages,
    chat_tool,
    said,
    shows_python,
)
from assay.rendering.encoding import TextEncoding
from assay.rendering.templates import Span, answer_turns
from assay.rendering.word_places import Slot, cut_at_marks, fit_words
from assay.samples import Conversation, Flag, Reason

_PYTHON = "the chat template shows arguments or contents as Python does, not as text"
_THINKING = re.compile(
    r"</?(?:think|thinking|thought|reasoning|seed:think)>|\[/?THINK\]|◁/?think▷", re.IGNORECASE
)
"""Tags by which templates tell hidden thinking from the words after it."""


class ChatSpans(NamedTuple):
    """A rendered conversation.

    Attributes:
        spans: their texts together are what the template gives.
        suspect: words look like special tokens.
        left_out: calls that the template does not show, and words beside calls or of thinking.
    """

    spans: list[Span]
    suspect: bool
    left_out: int = 0

    @property
    def flags(self) -> Flag:
        """What to know about a row that is read so."""
        suspect = Flag.INJECTION_SUSPECT if self.suspect else Flag.NONE
        return suspect | (Flag.PARTLY_RENDERED if self.left_out else Flag.NONE)


UNRENDERED = (Reason.FORMAT_REFUSED, Reason.ANSWER_NOT_FOUND)
"""Reasons of rows that a chat template does not take, or hides the answers of."""


class NotFound(NamedTuple):
    """Why the assistant's words cannot be told from the rest.

    Attributes:
        reason: one of `UNRENDERED`.
        why: the same in words.
        shows_words: any answer's words are in what the template gives.
    """

    reason: Reason
    why: str
    shows_words: bool = False


def chat_spans(
    model: TextEncoding, conversation: Conversation, *, answering: bool = False
) -> ChatSpans | NotFound:
    """Return a conversation in the model's own format, assistant turns apart.

    An answer's spans follow each other; more than one if the template put tags of thinking
    between its words. A turn of which the template shows no words has no span. Messages that look
    like special tokens are in spans of their own, so that they are read as plain text.

    Args:
        model: whose tokenizer holds the template.
        conversation: hidden reasoning beside the words is left out.
        answering: end with what stands before an answer that is still to come.
    """
    hostile = any(
        special in text for text in _texts(conversation) for special in model.special_texts
    )
    best: ChatSpans | None = None
    failed: NotFound | None = None
    for form in chat_forms(conversation):
        if form.in_parts and (best or (failed and failed.shows_words)):
            break  # the template reads texts
        found = _in_form(model, conversation, form, hostile, answering)
        if isinstance(found, NotFound):
            failed = _telling(failed, found)
        elif not found.left_out:
            return found
        elif best is None or found.left_out < best.left_out:
            best = found
    return best or failed or NotFound(Reason.ANSWER_NOT_FOUND, "")


def _telling(earlier: NotFound | None, later: NotFound) -> NotFound:
    """Return the failure that says more: what went wrong with a text, or else the first refusal."""
    refused = earlier is None or earlier.reason == Reason.FORMAT_REFUSED
    return later if earlier is None or (refused and later.reason != earlier.reason) else earlier


@dataclass(frozen=True)
class _Piece:
    """Words of a message between two tags of thinking, or all of them."""

    place: int
    words: str
    is_thought: bool = False


@dataclass(frozen=True)
class _Marked:
    """Contents with marks by number of message, and what each mark stands for, in order."""

    contents: Mapping[int, str]
    pieces: Mapping[str, _Piece]

    def tags_before(self, mark: str, text: str) -> int:
        """Return how much of the end of a text is the tags that open the words of a message."""
        opening = self.contents[self.pieces[mark].place].partition(mark)[0]
        return _shown_tags(opening, text, r"{tags}\s*\Z")

    def tags_after(self, mark: str, text: str) -> int:
        """Return how much of the beginning of a text is the tags that close them."""
        closing = self.contents[self.pieces[mark].place].rpartition(mark)[2]
        return _shown_tags(closing, text, r"\A\s*{tags}")


def _shown_tags(content: str, text: str, pattern: str) -> int:
    tags = [re.escape(tag) for tag in _THINKING.findall(content)]
    if not tags or len("".join(_THINKING.split(content)).strip()):
        return 0  # there are none, or other words stand between
    found = re.search(pattern.replace("{tags}", r"\s*".join(tags)), text)
    return len(found[0]) if found else 0


def _in_form(
    model: TextEncoding,
    conversation: Conversation,
    form: ChatForm,
    hostile: bool,
    answering: bool,
) -> ChatSpans | NotFound:
    tools = [chat_tool(tool) for tool in conversation.tools]
    calls = called(conversation)
    digest = hashlib.blake2b(conversation.content_hash, digest_size=6).hexdigest()
    names = {place: f"call{digest}n{place[0]}c{place[1]}end" for place in calls}
    failed: NotFound | None = None
    try:
        plain = model.chat(chat_messages(conversation, form, {}, {}), tools, answering=answering)
        for apart in (False, True):
            marked = _marked(conversation, f"mark{digest}", hostile, apart)
            if failed and not any(map(_THINKING.search, marked.contents.values())):
                return failed  # there is no thinking to be taken apart
            messages = chat_messages(conversation, form, marked.contents, names)
            shown = model.chat(messages, tools, answering=answering)
            if shows_python(messages, shown):
                return NotFound(Reason.ANSWER_NOT_FOUND, _PYTHON, shows_words=True)
            uncalled = sum(name not in shown for name in names.values())
            if uncalled:  # left out, or changed: then with their own names
                messages = chat_messages(conversation, form, marked.contents, {})
                shown = model.chat(messages, tools, answering=answering)
            for place, name in names.items():
                shown = shown.replace(name, calls[place].name)
            found = _found(conversation, marked, shown, plain)
            if isinstance(found, ChatSpans):
                return found._replace(suspect=hostile, left_out=found.left_out + uncalled)
            failed = failed or found
    except FeatureError as error:
        failed = failed or NotFound(Reason.FORMAT_REFUSED, _refusal(error, conversation))
    return failed or NotFound(Reason.ANSWER_NOT_FOUND, "")


def _refusal(error: FeatureError, conversation: Conversation) -> str:
    for call in called(conversation).values():
        if arguments_object(call) is None:
            return f"{error.message} (the arguments of {call.name!r} are no JSON object)"
    return error.message


# Marks


def _marked(conversation: Conversation, mark: str, everyone: bool, apart: bool) -> _Marked:
    """Return the contents with marks in place of words, and what each mark stands for.

    Args:
        conversation: whose words are replaced.
        mark: what all marks begin with.
        everyone: replace the words of all roles, not only the assistant's.
        apart: leave the assistant's tags of thinking, and replace what stands between them.
    """
    answers = answer_turns(conversation)
    contents: dict[int, str] = {}
    pieces: dict[str, _Piece] = {}
    for place, message in enumerate(conversation.messages):
        words = said(message)
        if not words.strip() or not (everyone or place in answers):
            continue
        contents[place] = ""
        for piece, tag in _taken_apart(place, words, apart and place in answers):
            own = piece.words
            if own.strip():
                own = f"{mark}n{place}p{len(pieces)}end"
                pieces[own] = piece
            contents[place] += own + tag
    return _Marked(contents, pieces)


def _taken_apart(place: int, words: str, apart: bool) -> Iterator[tuple[_Piece, str]]:
    """Yield pieces of words, each with the tag of thinking that follows it."""
    begin = 0
    for tag in _THINKING.finditer(words) if apart else ():
        is_thought = "/" in tag[0]  # what a closing tag ends
        yield _Piece(place, words[begin : tag.start()], is_thought), tag[0]
        begin = tag.end()
    yield _Piece(place, words[begin:]), ""


def _texts(conversation: Conversation) -> Iterator[str]:
    """Yield every text that a template may show."""
    for message in conversation.messages:
        yield from (message.content, message.context)
        for call in message.tool_calls:
            yield from (call.name, call.arguments)
    for tool in conversation.tools:
        yield from (tool.name, tool.description, tool.parameters)


# Back to the words


def _found(
    conversation: Conversation, marked: _Marked, shown: str, plain: str
) -> ChatSpans | NotFound:
    """Return the spans of a text, given what a template makes of the marks and of the words."""
    pieces = marked.pieces
    there = [mark for mark in pieces if mark in shown]
    gone = [piece for mark, piece in pieces.items() if mark not in shown]
    for piece in gone:
        if not _may_leave_out(conversation, piece):
            return _lost(conversation, piece, "leaves out", bool(there))
    for mark in there:
        if shown.count(mark) > 1:
            return _lost(conversation, pieces[mark], "repeats")
    for earlier, later in itertools.pairwise(there):
        if shown.find(earlier) > shown.find(later):
            return _lost(conversation, pieces[later], "moves")
    slots = cut_at_marks(shown, there)
    words = fit_words(slots, {mark: pieces[mark].words for mark in there}, plain)
    if isinstance(words, int):
        near = [pieces[mark] for mark in there[: words + 1]] or gone
        if not near:
            return NotFound(
                Reason.ANSWER_NOT_FOUND, "the chat template gives another text each time"
            )
        return _lost(conversation, near[-1], "changes, or puts something else around,")
    return ChatSpans(_spans(conversation, slots, words, marked), False, len(gone))


def _may_leave_out(conversation: Conversation, piece: _Piece) -> bool:
    """Return whether templates are known to leave out such words: thinking, and beside calls."""
    message = conversation.messages[piece.place]
    return message.role == "assistant" and (piece.is_thought or bool(message.tool_calls))


def _lost(conversation: Conversation, piece: _Piece, does: str, shown: bool = True) -> NotFound:
    turn = answer_turns(conversation).get(piece.place)
    whose = f"message {piece.place + 1}" if turn is None else f"answer {turn + 1}"
    why = f"the chat template {does} the words of {whose}"
    return NotFound(Reason.ANSWER_NOT_FOUND, why, shown)


def _spans(
    conversation: Conversation,
    slots: Sequence[Slot],
    words: Sequence[str],
    marked: _Marked,
) -> list[Span]:
    turns = answer_turns(conversation)
    spans: list[Span] = []
    for number, slot in enumerate(slots):
        before = marked.pieces.get(slots[number - 1].mark) if number else None
        piece = marked.pieces.get(slot.mark)
        if before and piece and before.place == piece.place:
            spans.append(Span(slot.before, turns[piece.place], special=True))
        else:
            closing = marked.tags_after(slots[number - 1].mark, slot.before) if before else 0
            opening = marked.tags_before(slot.mark, slot.before[closing:]) if piece else 0
            stop = len(slot.before) - opening
            if before and closing:
                spans.append(Span(slot.before[:closing], turns[before.place], special=True))
            spans.append(Span(slot.before[closing:stop], special=True))
            if piece and opening:
                spans.append(Span(slot.before[stop:], turns[piece.place], special=True))
        if piece:
            spans.append(Span(words[number], turns.get(piece.place, -1)))
    return [span for span in spans if span.text]
