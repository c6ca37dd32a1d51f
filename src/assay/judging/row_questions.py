"""How a row is put to a judge by a prompt: what is shown, what is sent, what is read of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from assay.judging.capabilities import Capabilities
from assay.judging.capabilities import Mode as Way
from assay.judging.injection import without_control_tokens
from assay.judging.messages import Message
from assay.judging.prompt_form import Mode
from assay.judging.prompts import Prompt
from assay.judging.questioning import Questions
from assay.judging.replies import Reply
from assay.judging.requests import Request, Route
from assay.judging.suspicion import suspicious_texts
from assay.judging.verdicts import Verdict, read_verdict
from assay.samples import Conversation, Flag, Reason
from assay.samples import Message as Turn

Turns = Literal["last", "each"]
"""Whether the last answer of a row is judged with its question, or every one with its own."""
WAYS: Mapping[Mode, Way] = {"label": "label_logprobs", "json": "json_schema", "text": "text"}
"""What a judge has to be able to do for a way of answering."""
Refine = Callable[[Verdict, Reply, Sequence[str]], Verdict]
"""Makes of what was read of a reply, the reply, and the data that were shown what is to count."""
_MODE_OF: Mapping[Way, Mode] = {way: mode for mode, way in WAYS.items()}
_AGAIN_TEMPERATURE = 0.3
_THINKING_TOKENS = 4096
_MENDED_BY_ASKING = (Reason.PARSE_FAILED, Reason.OUT_OF_RANGE)
_LONGER = 2


class Exchange(NamedTuple):
    """One question with its answer, as a judge is shown them, by slot."""

    texts: Mapping[str, str]
    reason: Reason = Reason.OK
    flags: Flag = Flag.NONE


class Found(NamedTuple):
    """What was found of a row.

    Attributes:
        verdicts: of each exchange, those of its repetitions.
        reason: why nothing was asked; OK if it was.
        flags: what to know of the row.
    """

    verdicts: Sequence[Sequence[Verdict]]
    reason: Reason
    flags: Flag


@dataclass(frozen=True)
class RowQuestions:
    """How rows are put to a judge.

    Attributes:
        prompt: what is asked.
        dimension: what is judged; empty for the prompt's usual.
        mode: how the judge answers.
        capabilities: of the judge.
        turns: which exchanges of a row are judged.
        repeats: how often each is asked.
        temperature: of the sampling.
        longest: characters of a text beyond which its middle is left out.
        refine: looks closer at what was read than the form of the reply does; None takes it.
    """

    prompt: Prompt
    dimension: str
    mode: Mode
    capabilities: Capabilities
    turns: Turns = "last"
    repeats: int = 1
    temperature: float = 0.0
    longest: int = 24_000
    refine: Refine | None = None

    def of(self, conversation: Conversation) -> Questions[Found]:
        """Put a row to the judge."""
        return self.about(list(exchanges_of(conversation, self.turns)))

    def about(self, texts: Sequence[Mapping[str, str]]) -> Questions[Found]:
        """Put texts to the judge, by slot: those of each question that is asked."""
        exchanges = [self.shown(each) for each in texts]
        flags = Flag.NONE
        for exchange in exchanges:
            flags |= exchange.flags
        reason = next((each.reason for each in exchanges if each.reason), Reason.OK)
        if not exchanges:
            reason = Reason.EMPTY_RESPONSE
        if reason:
            return Found((), reason, flags)
        asked = [
            self.prompt.render(each.texts, self.mode, dimension=self.dimension)
            for each in exchanges
        ]
        requests = [request for each in asked for request in self._requests(each.messages)]
        slots = [each.slots for each in asked for _ in range(self.repeats)]
        verdicts = self._read((yield requests), slots)
        again = [place for place, each in enumerate(verdicts) if self._may_mend(each)]
        if again:
            further = [self._mended(requests[place], verdicts[place]) for place in again]
            mended = self._read((yield further), [slots[place] for place in again])
            for place, verdict in zip(again, mended, strict=True):
                verdicts[place] = verdict
        grouped = [
            verdicts[start : start + self.repeats]
            for start in range(0, len(verdicts), self.repeats)
        ]
        return Found(grouped, Reason.OK, flags)

    def shown(self, texts: Mapping[str, str]) -> Exchange:
        """Return texts as they are shown, and what is to be known of them, or why they are not."""
        flags = Flag.NONE
        shown = {}
        for name in self.prompt.slots:
            text = texts.get(name, "")
            if not text.strip() and name not in self.prompt.optional:
                return Exchange(texts, _LACKING.get(name, Reason.EMPTY_PROMPT))
            shown[name] = shortened(text, self.longest)
            if shown[name] != text:
                flags |= Flag.TEXT_TRUNCATED
        if suspicious_texts(self.prompt, self.mode, shown, self.dimension):
            flags |= Flag.INJECTION_SUSPECT
        # Some servers read the tokens of a chat format out of what they are given as text.
        safe = {name: without_control_tokens(text) for name, text in shown.items()}
        return Exchange(safe, flags=flags)

    def _requests(self, messages: tuple[Message, ...]) -> list[Request]:
        chats = self.capabilities.chat.holds
        route: Route = "chat/completions" if chats else "completions"
        taken, params = self._for(messages), self._params
        return [Request(taken, params, route, repeat=place) for place in range(self.repeats)]

    def _for(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """Return messages as the judge takes them.

        One that hears no system is told by the user; one that only goes on with texts gets one.
        """
        chats = self.capabilities.chat.holds
        if (chats and self.capabilities.system.holds) or len(messages) < 2:
            return messages
        system, user, *rest = messages
        end = () if chats else ("\n\n",)
        return (Message("user", (*system.pieces, "\n\n", *user.pieces, *end)), *rest)

    @cached_property
    def _params(self) -> dict[str, Any]:
        wanted = self.prompt.params(self.mode, dimension=self.dimension)
        most = wanted.pop("max_tokens")
        wanted.pop("temperature")
        if self.capabilities.reasoning.holds:
            most += _THINKING_TOKENS
        warm = self.capabilities.label_temperature if self.mode == "label" else self.temperature
        fields = self.capabilities.request(most, temperature=warm)
        if self.mode == "label":
            wanted |= self.capabilities.demand_label(tuple(self.prompt.labels))
        if "top_logprobs" in wanted and self.capabilities.candidates:
            wanted["top_logprobs"] = min(wanted["top_logprobs"], self.capabilities.candidates)
        return {**wanted, **fields}

    def _read(self, replies: Sequence[Reply], slots: Sequence[tuple[str, ...]]) -> list[Verdict]:
        return [self._one(reply, own) for reply, own in zip(replies, slots, strict=True)]

    def _one(self, reply: Reply, slots: Sequence[str]) -> Verdict:
        found = read_verdict(self.prompt, self.mode, reply, dimension=self.dimension, slots=slots)
        return found if self.refine is None else self.refine(found, reply, slots)

    def _may_mend(self, verdict: Verdict) -> bool:
        """Whether another sampling may say more; probabilities would be the same."""
        if self.mode == "label":
            return False
        return verdict.reason in (*_MENDED_BY_ASKING, Reason.REPLY_TRUNCATED)

    def _mended(self, request: Request, verdict: Verdict) -> Request:
        """Return what is asked once more: with more room where it was too little, else warmer."""
        again = Request(
            request.messages, request.params, request.route, request.repeat + self.repeats
        )
        limit = self.capabilities.limit
        if verdict.reason == Reason.REPLY_TRUNCATED and limit:
            return again.again_with(**{limit: _LONGER * int(request.params[limit])})
        if not self.capabilities.temperature.holds:
            return again
        return again.again_with(temperature=max(self.temperature, _AGAIN_TEMPERATURE))


_LACKING = {"response": Reason.EMPTY_RESPONSE}


def mode_for(prompt: Prompt, capabilities: Capabilities, answers: str, dimension: str = "") -> Mode:
    """Return how a judge answers by a prompt: as it is told, or "auto" the best that it can.

    Raises:
        ModelLoadError: if the judge cannot be asked so.
        ConfigError: if the prompt cannot.
    """
    several = len(prompt.names(dimension)) > 1
    offered = [mode for mode in prompt.modes if not (several and mode == "label")]
    wanted = None
    for mode in WAYS:
        if mode == answers:
            prompt.check(mode, dimension)
            wanted = WAYS[mode]
    return _MODE_OF[capabilities.choose([WAYS[mode] for mode in offered], wanted).mode]


def exchanges_of(conversation: Conversation, turns: Turns) -> Iterator[Mapping[str, str]]:
    """Yield the texts by slot of the answers that are to be judged, each with its question.

    Where no answer is to be learned, it is what is asked last, without one.
    """
    asked: list[Turn] = []
    found: list[Mapping[str, str]] = []
    for turn in conversation.messages:
        if turn.role == "user":
            asked = [turn]
        elif turn.role == "assistant":
            if turn.learned:
                found.append(_texts(conversation, asked, turn.content))
            asked = []
    if asked and not found:
        found.append(_texts(conversation, asked, ""))
    yield from found[-1:] if turns == "last" else found


def _texts(conversation: Conversation, asked: Sequence[Turn], response: str) -> Mapping[str, str]:
    question = asked[-1] if asked else Turn("user", "")
    query = "\n".join(text for text in (question.content, question.context) if text)
    return {
        "instruction": question.content,
        "input": question.context,
        "query": query,
        "response": response,
        "conversation": spoken(conversation),
    }


def spoken(conversation: Conversation) -> str:
    """Return all turns with who speaks, as a judge reads them."""
    return "\n\n".join(
        f"{turn.role}: " + "\n".join(text for text in (turn.content, turn.context) if text)
        for turn in conversation.messages
    )


def shortened(text: str, most: int) -> str:
    """Return a text without its middle, which a mark stands for, if it is longer than `most`."""
    if len(text) <= most:
        return text
    half = most // 2
    left_out = len(text) - 2 * half
    return f"{text[:half]}\n[... {left_out:,} characters left out ...]\n{text[-half:]}"
