"""Finds out what a judge can do: it is asked what has a known answer, and what comes is counted.

Every question is ours, none holds a row. A field counts as obeyed where the answer shows it: a word
that no model would say by itself, as many tokens as were allowed, as many candidates as were asked
for with probabilities that can be such, and the same ones under a constraint as without.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from assay.errors import ModelLoadError
from assay.judging.capabilities import Capabilities, Finding, Standing
from assay.judging.probe_questions import (
    CANDIDATES,
    CHOICES,
    CUT_AT,
    FEWER_CANDIDATES,
    LETTER,
    LONG,
    MOST_TOKENS,
    OBEYED,
    OPEN,
    PROMPT,
    PROMPT_FIELDS,
    ROOM,
    SCHEMA_FORMAT,
    SHORT,
    SYSTEM,
    UNLIKELY,
    messages,
)
from assay.judging.probe_reading import (
    Place,
    WrongNumbersError,
    fewest_candidates,
    json_of,
    likeliest,
    mean_difference,
    places,
    reply_of,
    same_place,
    thinks,
)
from assay.judging.probe_verdicts import (
    NO_REPLY,
    best_of,
    bounded,
    counted,
    obedience,
    prompt_numbers,
    shown,
)
from assay.judging.replies import Reply
from assay.models.asking import CHAT, COMPLETIONS, Answered, Asks
from assay.wording import number_of

MOST_REQUESTS = 23
"""The probe sends no more requests than that."""
_WARM: tuple[Mapping[str, Any], ...] = ({"seed": 1}, {}, {})
"""Tries at temperature 1: what is drawn may be a part of a letter, of which llama.cpp tells no
place, and some servers refuse a seed."""
_CLOSE = 0.1  # mean difference in nats that a server's batches may make in half precision
_COLLAPSED = -1e-4  # a log-probability that leaves nothing to the others
_LIMITS = ("max_tokens", "max_completion_tokens")
_AFTER_CHAT = (
    "max_completion_tokens", "system", "label_logprobs", "raw_logprobs", "free_logprobs",
    "json_schema", "grammar", "stable", "reasoning",
)  # fmt: skip


def probe(asks: Asks) -> Capabilities:
    """Return what a judge can do, asked in at most `MOST_REQUESTS` requests.

    Raises:
        ModelLoadError: if it answers on neither route, or not now.
    """
    return _Probe(asks).run()


class _Talk(NamedTuple):
    """The fields with which a judge answers at all: its limit, and whether a temperature."""

    limit: str
    temperature: bool


_TALKS = (
    *(_Talk(limit, temperature=True) for limit in _LIMITS),
    *(_Talk(limit, temperature=False) for limit in _LIMITS),
    _Talk("", temperature=False),
)


class _Probe:
    """One probe: what was found so far, and how the judge is talked to."""

    def __init__(self, asks: Asks) -> None:
        self._asks = asks
        self._requests = self._tokens_in = self._tokens_out = 0
        self._thought = ""
        self._talk = _Talk("", temperature=False)
        self._found: dict[str, Finding] = {}
        self._told: dict[str, Any] = {}

    def run(self) -> Capabilities:
        """Ask everything, each question on the ground of the answers before."""
        first = self._begin()
        continued = self._continue_a_text()
        if first is not None:
            self._ask_the_rest(first)
        elif continued is not None:
            self._found["temperature"] = Finding.yes(f"0 is taken on {COMPLETIONS}")
            self._found["max_tokens"] = bounded(continued)
            self._found["usage"] = counted(continued)
            self._told["limit"] = "max_tokens"
            for name in _AFTER_CHAT:
                self._found[name] = Finding.unknown("it does not chat")
        else:
            raise ModelLoadError(
                f"the judge answers neither on {CHAT} ({self._found['chat'].evidence}) nor on "
                f"{COMPLETIONS} ({self._found['completions'].evidence})",
                hint="check the address and the model's name, and that it is one that writes",
            )
        spent = {
            "requests": self._requests,
            "tokens_in": self._tokens_in,
            "tokens_out": self._tokens_out,
        }
        facts: dict[str, Any] = {**self._found, **self._told, **spent}
        return Capabilities(**facts)

    def _ask_the_rest(self, first: Reply) -> None:
        self._found["usage"] = counted(first)
        self._told["limit"] = self._find_limit()
        self._bring_system(first)
        free = self._tell_logprobs()
        self._told["label_temperature"] = self._warm(free)
        self._obey_schema()
        choice = self._told["choice"] = self._obey_choice()
        self._constrain(free, choice)
        self._repeat()
        thought = self._thought
        self._found["reasoning"] = (
            Finding.yes(thought) if thought else Finding.no("no sign of it in any reply")
        )

    # One request

    def _ask(self, route: str, question: Mapping[str, Any]) -> Answered:
        self._requests += 1
        answer = self._asks.ask(route, question)
        reply = reply_of(answer)
        if reply is not None:
            self._tokens_in += reply.usage.prompt or 0
            self._tokens_out += reply.usage.completion or 0
            self._thought = self._thought or thinks(answer)
        return answer

    def _chat(
        self,
        text: str,
        most: int = 0,
        *,
        system: str = "",
        temperature: float = 0.0,
        **fields: Any,
    ) -> Answered:
        """Ask in the form that the judge takes; one that thinks is left room to do so."""
        question: dict[str, Any] = {"messages": messages(text, system), **fields}
        if self._talk.limit:
            question[self._talk.limit] = most or (MOST_TOKENS if self._thought else ROOM)
        if self._talk.temperature:
            question["temperature"] = temperature
        return self._ask(CHAT, question)

    # What it is asked in turn

    def _begin(self) -> Reply | None:
        """Find the fields with which it answers on the chat route; None if with none."""
        refusals: dict[_Talk, str] = {}
        for talk in _TALKS:
            self._talk = talk
            answer = self._chat(SHORT, MOST_TOKENS)
            reply = reply_of(answer)
            if reply is not None and (reply.text.strip() or self._thought):
                self._found["chat"] = Finding.yes(f"wrote {shown(reply)}")
                self._tell_talk(refusals)
                return reply
            refusals[talk] = answer.said or ("its reply is empty" if reply else NO_REPLY)
            if answer.status not in (400, 422):
                break
        self._found["chat"] = Finding.no(refusals[self._talk])
        return None

    def _tell_talk(self, refusals: Mapping[_Talk, str]) -> None:
        """Say of the fields that are not taken how they were refused."""
        limit, temperature = self._talk
        self._found["temperature"] = (
            Finding.yes("0 is taken")
            if temperature
            else Finding.no(refusals[_Talk(limit, temperature=True)])
            if limit
            else Finding.unknown("no limit is taken")
        )
        for name in _LIMITS:
            said = refusals.get(_Talk(name, temperature))
            if said is not None:
                self._found[name] = Finding.no(said)

    def _continue_a_text(self) -> Reply | None:
        """Ask the older route, and then for the numbers of the prompt."""
        question: dict[str, Any] = {"prompt": PROMPT, "max_tokens": CUT_AT, "temperature": 0}
        answer = self._ask(COMPLETIONS, question)
        reply = reply_of(answer)
        if reply is None or not reply.text.strip():
            self._found["completions"] = Finding.no(answer.said or "its answer holds no text")
            self._found["prompt_logprobs"] = Finding.unknown("it does not go on with texts")
            return None
        self._found["completions"] = Finding.yes(f"wrote {shown(reply)}")
        tried: dict[str, Finding] = {}
        for fields in PROMPT_FIELDS:
            answer = self._ask(COMPLETIONS, {**question, "max_tokens": 1, **fields})
            tried[next(iter(fields))] = found = prompt_numbers(answer)
            if found.holds:
                break
        self._found["prompt_logprobs"] = best_of(tried)[1]
        return reply

    def _find_limit(self) -> str:
        """Return the field that bounds replies: one that holds, or else one that is taken."""
        taken = self._talk.limit
        if not taken:
            return ""
        for name in sorted(_LIMITS, key=lambda name: name != taken):
            if name not in self._found:
                self._talk = self._talk._replace(limit=name)
                self._found[name] = self._limited()
            if self._found[name].holds:
                for other in _LIMITS:
                    self._found.setdefault(other, Finding.unknown(f"{name} holds"))
                return name
        self._talk = self._talk._replace(limit=taken)
        return taken

    def _limited(self) -> Finding:
        answer = self._chat(LONG, CUT_AT)
        reply = reply_of(answer)
        if reply is not None:
            return bounded(reply)
        said = answer.said or NO_REPLY
        if self._thought and answer.status == 400:  # so few tokens leave it no room to think
            return Finding.yes(f"{CUT_AT} tokens are too few: {said}")
        return Finding.no(said)

    def _bring_system(self, first: Reply) -> None:
        answer = self._chat(SHORT, system=SYSTEM)
        reply = reply_of(answer)
        if reply is None:
            found = Finding.no(answer.said or NO_REPLY)
        elif first.usage.prompt and reply.usage.prompt:
            more = reply.usage.prompt - first.usage.prompt
            told = f"{number_of(more, 'token')} more than without one"
            reached = more >= len(SYSTEM.split()) // 2
            found = Finding.yes(told) if reached else Finding.ignored(told)
        else:
            found = Finding.unknown("it is taken, but tokens are not counted")
        self._found["system"] = found

    def _tell_logprobs(self) -> Place | None:
        """Return the first place of a free reply, if all its places can be believed."""
        refused = ""
        for asked in (CANDIDATES, FEWER_CANDIDATES):
            answer = self._chat(LETTER, logprobs=True, top_logprobs=asked)
            if reply_of(answer) is None:
                refused = refused or answer.said or NO_REPLY
                continue
            try:
                found = places(answer, asked)
            except WrongNumbersError as error:
                self._found["label_logprobs"] = Finding.ignored(str(error))
                return None
            if not found:
                self._found["label_logprobs"] = Finding.ignored("none came")
                return None
            fewest = self._told["candidates"] = fewest_candidates(found)
            self._found["label_logprobs"] = Finding.yes(
                f"{fewest} of {asked} candidates at each of {number_of(len(found), 'place')}; "
                f"first {likeliest(found[0])}"
            )
            return found[0]
        self._found["label_logprobs"] = Finding.no(refused)
        return None

    def _first_place(self, **how: Any) -> Place | str:
        """Return the first place of a reply to the same question, or why there is none."""
        candidates = self._told["candidates"]
        answer = self._chat(LETTER, logprobs=True, top_logprobs=candidates, **how)
        if reply_of(answer) is None:
            return answer.said or NO_REPLY
        try:
            found = places(answer, candidates, plain="response_format" not in how)
        except WrongNumbersError as error:
            return str(error)
        return found[0] if found else "none came"

    def _warm(self, free: Place | None) -> float:
        """Return the temperature at which log-probabilities are those of the model."""
        if free is None or not self._talk.temperature:
            why = "there are none" if free is None else "no temperature is taken"
            self._found["raw_logprobs"] = Finding.unknown(why)
            return 0.0
        seen = Finding.unknown("")
        for how in _WARM:
            warm = self._first_place(temperature=1.0, **how)
            if isinstance(warm, str):
                seen = Finding.unknown(f"at temperature 1: {warm}")
                continue
            if same_place(free, warm, close=_CLOSE):
                apart = mean_difference(free, warm)
                seen = Finding.yes(f"{apart:.4f} nats apart at temperatures 0 and 1")
                break
            seen = Finding.no(f"at temperature 1 they are {likeliest(warm)}")
        self._found["raw_logprobs"] = seen
        # Divided by a temperature near 0, all probability goes to one token.
        collapsed = max(free.candidates.values()) > _COLLAPSED
        return 1.0 if collapsed and seen.standing is Standing.NO else 0.0

    def _obey_schema(self) -> None:
        answer = self._chat(SHORT, response_format=SCHEMA_FORMAT)
        self._found["json_schema"] = obedience(answer, lambda text: json_of(text) == OBEYED)

    def _obey_choice(self) -> str:
        """Return the field by which words are demanded; "" if none is obeyed."""
        tried: dict[str, Finding] = {}
        for name, value in CHOICES.items():
            answer = self._chat(SHORT, **{name: value})
            tried[name] = obedience(answer, lambda text: text.strip() == UNLIKELY)
            if tried[name].holds:
                break
        best, self._found["grammar"] = best_of(tried)
        return best if tried[best].holds else ""

    def _constrain(self, free: Place | None, choice: str) -> None:
        """Compare the first place under a constraint with that of the same question without."""
        how: dict[str, Any] = {choice: CHOICES[choice]} if choice else {}
        if not how and self._found["json_schema"].holds:
            how = {"response_format": SCHEMA_FORMAT}
        if free is None or not how:
            why = "there are none" if free is None else "no constraint is obeyed"
            self._found["free_logprobs"] = Finding.unknown(why)
            return
        bound = self._first_place(**how)
        if isinstance(bound, str):
            found = Finding.no(f"under a constraint: {bound}")
        elif same_place(free, bound, close=_CLOSE):
            apart = mean_difference(free, bound)
            found = Finding.yes(f"{apart:.4f} nats apart with {next(iter(how))} and without")
        else:
            found = Finding.no(f"under a constraint they are {likeliest(bound)}")
        self._found["free_logprobs"] = found

    def _repeat(self) -> None:
        replies = [reply_of(self._chat(OPEN)) for _ in range(2)]
        first, second = (None if reply is None else reply.text for reply in replies)
        words = [shown(reply) for reply in replies if reply is not None]
        if first is None or second is None:
            self._found["stable"] = Finding.unknown("it did not answer twice")
        elif first == second:
            self._found["stable"] = Finding.yes(f"twice {words[0]}")
        else:
            self._found["stable"] = Finding.no(f"{words[0]}, then {words[1]}")
