"""Replies of a model behind HTTP: by token ids where they are rendered here, or by its own format.

A reply is kept as soon as it is there: it may have cost money. The seed of a row is handed over;
whether the same one gives the same reply again is the server's affair.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from assay.backends.endpoint.client import Client
from assay.backends.endpoint.endpoint_address import Address
from assay.backends.endpoint.failures import RefusedError, UnansweredError
from assay.backends.endpoint.http_model import ServedModel, denied, open_served
from assay.backends.endpoint.http_probe import MisreadError
from assay.backends.generating import before_stop
from assay.components.decoding import Decoding
from assay.components.references import DType
from assay.errors import ModelLoadError
from assay.models.generation import Finish, Prompts, Replies
from assay.models.language_model import NOTHING_KEPT, Advance, Kept
from assay.random_numbers import row_uniform
from assay.samples import UNFINISHED, Reason
from assay.wording import one_line

if TYPE_CHECKING:
    from assay.models.workplace import Workplace

_OPENING = "Once upon a time there was a"
_OPENING_TOKENS = 4
_SEEDS = 2**31
_SHOWN = 60
_FINISHES = {"stop": Finish.STOP, "eos": Finish.STOP, "length": Finish.LENGTH}
_CALLS = ("tool_calls", "function_call")
_FILTERED = "content_filter"
_WILL_DO = "serve it with an OpenAI-compatible server, such as vLLM, SGLang or llama.cpp's"

Body = dict[str, Any]


def load_endpoint_generator(pinned: str, dtype: DType, runtime: "Workplace") -> "EndpointGenerator":
    """Return the model at an address as one that writes.

    Raises:
        ModelLoadError: if it does not answer, denies access, or lacks a route.
        ConfigError: if a number format is asked for.
    """
    return open_served(EndpointGenerator, pinned, dtype, runtime)


class Written(NamedTuple):
    """What came of a request: a text, or the reason why there is none."""

    text: str = ""
    tokens: float = np.nan
    finish: Finish = Finish.NONE
    reason: Reason = Reason.OK

    def packed(self) -> Mapping[str, NDArray[Any]]:
        """Return it as arrays."""
        return {
            "text": np.frombuffer(self.text.encode(), np.uint8),
            "tokens": np.array([self.tokens]),
            "ended": np.array([self.finish, self.reason], np.uint8),
        }

    @classmethod
    def unpacked(cls, answer: Mapping[str, NDArray[Any]]) -> Self:
        """Return what `packed` made arrays of."""
        finish, reason = answer["ended"].tolist()
        text = answer["text"].tobytes().decode()
        return cls(text, float(answer["tokens"][0]), Finish(finish), Reason(reason))


class EndpointGenerator(ServedModel):
    """A model behind HTTP that writes."""

    left: ClassVar[str] = "without a reply"
    takes_chats = True

    def __init__(self, address: Address, requests: Client, *, offline: bool) -> None:
        super().__init__(address, requests, offline=offline)
        self._openings: dict[str, Body] = {}

    def generate(
        self, prompts: Prompts, decoding: Decoding, advance: Advance, kept: Kept = NOTHING_KEPT
    ) -> Replies:
        """Ask for every different reply once; what gets no answer has a reason.

        Raises:
            ModelLoadError: if the server does not write at all.
            UnfinishedError: if the server has been gone since the last time.
        """
        if self._requests.stopped:
            self.settle()
        route, asked_for = route_of(prompts), bodies(prompts, decoding)
        keys = [key_of_body(route, body) for body in asked_for]
        found = {
            key: Written.unpacked(answer)
            for key in dict.fromkeys(keys)
            if (answer := kept.find(key)) is not None
        }
        advance(sum(key in found for key in keys))
        wanted = {key: body for key, body in zip(keys, asked_for, strict=True) if key not in found}
        if wanted:
            self._open(route)
        asked, repeats = list(wanted), Counter(keys)
        for place, written in self._requests.each(
            lambda key: self._write(route, wanted[key], decoding), asked
        ):
            if written.reason not in UNFINISHED:
                kept.keep(asked[place], written.packed())
            found[asked[place]] = written
            advance(repeats[asked[place]])
        replies = [found[key] for key in keys]
        self._unread += sum(reply.reason == Reason.TRANSIENT for reply in replies)
        return Replies(
            [reply.text for reply in replies],
            np.array([reply.tokens for reply in replies], np.float64),
            np.array([reply.finish for reply in replies], np.uint8),
            np.array([reply.reason for reply in replies], np.uint8),
        )

    def _write(self, route: str, body: Body, decoding: Decoding) -> Written:
        """Return what came of a request."""
        try:
            return self._ask(route, body, decoding)
        except (RefusedError, MisreadError, UnansweredError) as error:
            if not (isinstance(error, RefusedError) and error.about_text):
                return Written(reason=self.unanswered(error))
            found = self.refused(
                error,
                lambda: self._ask(route, self._openings[route], Decoding()),
                lambda: self._ask(route, body, decoding),
            )
            return found if isinstance(found, Written) else Written(reason=found)

    def _ask(self, route: str, body: Body, decoding: Decoding, *, patient: bool = True) -> Written:
        """Return the reply to one request.

        Raises:
            MisreadError: if the answer holds none.
            RefusedError: if the server refuses.
            UnansweredError: if it does not answer.
        """
        url = f"{self._address.base}/{route}"
        whole = {"model": self._address.model, **body}
        ask = self._requests.post if patient else self._requests.ask
        answer = ask(url, whole)
        choices = answer.get("choices") if isinstance(answer, dict) else None
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            said = self._requests.reported(answer)
            raise MisreadError(f"no choices: {said}" if said else "no choices")
        usage = answer.get("usage")
        count = usage.get("completion_tokens") if isinstance(usage, dict) else None
        tokens = float(count) if type(count) is int and count >= 0 else np.nan
        return _written(choices[0], tokens, decoding)

    def _open(self, route: str) -> None:
        """Ask for a few words first: what does not write at all is told from a row refused.

        Raises:
            ModelLoadError: if the server does not write, or not what its ids say.
            UnfinishedError: if it does not answer.
        """
        if route in self._openings:
            return
        try:
            self._openings[route] = self._opening_of(route)
        except UnansweredError as error:
            raise self._unfinished(error) from error
        except (RefusedError, MisreadError) as error:
            if isinstance(error, RefusedError) and error.denied:
                raise denied(self._address, error) from error
            raise ModelLoadError(
                f"POST {self._address.base}/{route} gives no reply: {error}",
                hint=error.hint if isinstance(error, RefusedError) and error.ends_all else _WILL_DO,
            ) from error

    def _opening_of(self, route: str) -> Body:
        limits = {"max_tokens": _OPENING_TOKENS, "temperature": 0}
        if route != "completions":
            body: Body = {"messages": [{"role": "user", "content": _OPENING}], **limits}
            self._ask(route, body, Decoding(), patient=False)
            return body
        # By its text, which the server cuts into tokens by itself, and by ids of this tokenizer.
        by_text = {"prompt": _OPENING, **limits}
        said = self._ask(route, by_text, Decoding(), patient=False)
        forms = (self._tokens.encode_as_usual([_OPENING])[0], self._tokens.encode([_OPENING])[0])
        for ids in forms:
            body = {"prompt": ids, **limits}
            if self._ask(route, body, Decoding(), patient=False).text == said.text:
                return body
        raise MisreadError(
            "to a text it replies otherwise than to its ids, so it cuts texts into other tokens "
            "than its tokenizer here"
        )


def route_of(prompts: Prompts) -> str:
    """Return where replies to some prompts are asked for."""
    return "chat/completions" if prompts.chats else "completions"


def bodies(prompts: Prompts, decoding: Decoding) -> list[Body]:
    """Return what is sent for each prompt, besides the name of the model."""
    shared: Body = {"temperature": decoding.temperature}
    if decoding.stop:
        shared["stop"] = list(decoding.stop)
    if not decoding.is_greedy:
        shared["top_p"] = decoding.top_p
        if decoding.top_k:
            shared["top_k"] = decoding.top_k
    seeds = row_uniform(prompts.streams, seed=decoding.seed, purpose="server") * _SEEDS
    made = []
    for place, most in enumerate(prompts.most.tolist()):
        body = {**shared, "max_tokens": most}
        if not decoding.is_greedy:
            body["seed"] = int(seeds[place])
        if prompts.chats:
            body["messages"] = list(prompts.chats[place].messages)
            if prompts.chats[place].tools:
                body["tools"] = list(prompts.chats[place].tools)
        else:
            body["prompt"] = prompts.sequences[place].tolist()
        made.append(body)
    return made


def key_of_body(route: str, body: Body) -> bytes:
    """Return what tells a request from every other."""
    asked = json.dumps([route, body], sort_keys=True)
    return hashlib.blake2b(asked.encode(), digest_size=16).digest()


def _written(choice: Mapping[str, Any], tokens: float, decoding: Decoding) -> Written:
    message = choice.get("message")
    said = message if isinstance(message, dict) else {"content": choice.get("text")}
    ended = choice.get("finish_reason")
    if ended == _FILTERED or said.get("refusal"):
        return Written(reason=Reason.REFUSED)
    text = said.get("content")
    if text is None and ended in (*_FINISHES, *_CALLS):
        text = ""  # all of it was hidden thinking, or a call
    if not isinstance(text, str):
        raise MisreadError("a choice holds no text")
    finish = Finish.STOP if ended in _CALLS else _FINISHES.get(str(ended))
    if finish is None:
        raise MisreadError(f"a reply ended for the reason {one_line(str(ended), _SHOWN)!r}")
    # JSON can spell halves of letters, which no file can hold.
    whole = before_stop(text.encode("utf-8", "replace").decode(), decoding.stop)
    return Written(whole, tokens, finish if whole.strip() else Finish.EMPTY)
