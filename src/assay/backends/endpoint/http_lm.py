"""A causal language model behind HTTP: the server tells the log-probabilities of token ids.

The numbers have the server's own precision. It gives neither distributions nor hidden states.
What a server does not answer stays unread: it is asked again in the next run, and nothing else is.
So does whatever else may be the server's own fault: redirects, missing routes, numbers that are
missing or not finite. Only a refusal that is about the text is kept, see `EndpointModel.refusal`.
"""

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from assay.backends.endpoint.endpoint_address import Address, check_reachable, parse_address
from assay.backends.endpoint.http_probe import Form, MisreadError, find_form, opening_ids
from assay.backends.endpoint.http_requests import KEYS, RefusedError, Requests, UnansweredError
from assay.backends.endpoint.http_tokens import LocalTokens, ServerTokens, Tokens
from assay.backends.token_text import pieces
from assay.components.references import DType
from assay.errors import (
    ConfigError,
    FeatureError,
    ModelLoadError,
    Parameter,
    Phrase,
    UnfinishedError,
)
from assay.models.language_model import Advance, Answers, Questions
from assay.rendering.encoding import TokenIds
from assay.samples import Float32Array, Reason

if TYPE_CHECKING:
    from assay.models.workplace import Workplace

_log = logging.getLogger(__name__)
_PROMPTS = 8
_TOKENS = 16_384
_TOO_LONG = ("context length", "too long", "maximum length", "max_model_len", "longer than")


def load_endpoint(pinned: str, dtype: DType, runtime: "Workplace") -> "EndpointModel":
    """Return the model at an address, once it has shown that it gives what is needed.

    Raises:
        ModelLoadError: if it does not answer, denies access, lacks a route, or what it says does
            not hold.
        ConfigError: if a number format is asked for.
    """
    if dtype != "float32":
        raise ConfigError(
            f"the number format of {parse_address(pinned).base} is its server's own",
            hint=Phrase("leave {} away", Parameter("dtype")),
        )
    address = parse_address(pinned)
    check_reachable(address, offline=runtime.offline)
    requests = Requests(local=address.is_local)
    try:
        return EndpointModel(address, requests, offline=runtime.offline)
    except RefusedError as error:
        requests.close()
        if error.denied:
            raise _denied(address, error) from error
        raise ModelLoadError(f"{address.base} refuses: {error}") from error
    except UnansweredError as error:
        requests.close()
        raise ModelLoadError(
            f"no server answers at {address.base}: {error}",
            hint="start one, such as `vllm serve MODEL --port 8000`, or mend the address",
        ) from error


class EndpointModel:
    """A model behind HTTP.

    Args:
        address: where it answers.
        requests: what is sent to it.
        offline: never touch the network for a tokenizer.

    Raises:
        ModelLoadError: if it does not give what is needed.
        RefusedError: if the server refuses.
        UnansweredError: if it does not answer.
    """

    width = 0

    def __init__(self, address: Address, requests: Requests, *, offline: bool) -> None:
        self._address = address
        self._requests = requests
        self._entry = self._find_entry()
        self._tokens: Tokens = (
            LocalTokens(address.tokenizer, offline=offline)
            if address.tokenizer
            else ServerTokens(requests, address)
        )
        self.window = self._find_window()
        self._opening = opening_ids(self._tokens)
        self._form: Form = find_form(requests, address, self._tokens, self._opening)
        self._unread = 0
        self._last_error = ""

    # The tokenizer

    @property
    def bos(self) -> int | None:
        """Id of the token that begins a text."""
        return self._tokens.bos

    @property
    def eos(self) -> int | None:
        """Id of the token that ends a text."""
        return self._tokens.eos

    @property
    def special_texts(self) -> Sequence[str]:
        """Texts that stand for special tokens, where they are known."""
        return self._tokens.special_texts

    def encode(self, texts: Sequence[str], *, special: bool = False) -> list[list[int]]:
        """Return the token ids of each text, with nothing added."""
        with self._explained():
            return self._tokens.encode(texts, special=special)

    def encode_as_usual(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, with what the tokenizer adds."""
        with self._explained():
            return self._tokens.encode_as_usual(texts)

    def chat(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any]) -> str:
        """Return a conversation in the model's own format.

        Raises:
            ConfigError: if the tokenizer is on the server alone, or has no such format.
            FeatureError: if the format refuses the conversation.
        """
        return self._tokens.chat(messages, tools)

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Return the text of each token, so that together they are the text of all."""
        with self._explained():
            return pieces(ids, self._tokens.decode)

    # The model

    def producer(self) -> Mapping[str, str]:
        """Return what the server says about itself."""
        return {"endpoint": f"{self._address.model}@{self._address.label}", **self._server}

    @cached_property
    def _server(self) -> Mapping[str, str]:
        owner = str(self._entry.get("owned_by") or "unknown")
        try:
            answer = self._requests.get(f"{self._address.root}/version")
        except (RefusedError, UnansweredError):
            return {"server": owner}
        version = answer.get("version") if isinstance(answer, dict) else None
        return {"server": f"{owner} {version}" if version else owner}

    def read(self, questions: Questions, advance: Advance) -> Answers:
        """Ask for every different sequence once; what gets no answer has a reason.

        Raises:
            ConfigError: if distributions or hidden states are wanted.
            UnfinishedError: if the server has been gone since the last time.
        """
        if questions.statistics or questions.pools:
            raise ConfigError("an endpoint gives neither distributions nor hidden states")
        if self._requests.stopped:
            self.settle()
        plan = _plan(questions)
        advance(plan.free)
        found: list[_Outcome] = [_Outcome(None)] * len(plan.sequences)
        batches = _batches(plan.sequences, _PROMPTS if self._form.several else 1)
        for place, outcomes in self._requests.each(
            lambda batch: self._read([plan.sequences[number] for number in batch]), batches
        ):
            for number, outcome in zip(batches[place], outcomes, strict=True):
                found[number] = outcome
            advance(int(sum(plan.weights[number] for number in batches[place])))
        return self._answers(questions, plan, found)

    def _answers(self, questions: Questions, plan: "_Plan", found: Sequence["_Outcome"]) -> Answers:
        nothing = np.empty(0, np.float32)
        parts = [nothing]
        reason = np.zeros(len(questions.sequences), np.uint8)
        for sequence, (number, targets) in enumerate(
            zip(plan.number_of, questions.targets, strict=True)
        ):
            if number < 0:
                continue
            outcome = found[number]
            reason[sequence] = outcome.reason
            values = outcome.values
            parts.append(
                np.full(len(targets), np.nan, np.float32) if values is None else values[targets]
            )
        self._unread += int(np.count_nonzero(reason == Reason.TRANSIENT))
        return Answers(np.concatenate(parts), nothing, nothing, nothing, {}, reason)

    def _read(self, sequences: Sequence[TokenIds]) -> "list[_Outcome]":
        """Return the numbers of some sequences; those of a request that is refused one by one."""
        try:
            return [
                _Outcome(values)
                for values in self._form.ask(self._requests, self._address, sequences)
            ]
        except (RefusedError, MisreadError, UnansweredError) as error:
            passing = isinstance(error, UnansweredError)
            if len(sequences) > 1 and not (passing and self._requests.stopped):
                return [outcome for each in sequences for outcome in self._read([each])]
            if len(sequences) == 1 and isinstance(error, RefusedError) and error.about_text:
                return [self.refusal(sequences[0], error)]
            return [self._unanswered(error)] * len(sequences)

    def refusal(self, ids: TokenIds, error: RefusedError) -> "_Outcome":
        """Return what came of a text that was refused, be it for its own sake or the server's.

        It is the text's, as with a content filter or a text too long for the model, if the code can
        be about a text, the server still answers the text with which it was opened, and refuses
        this one again with the same code. Otherwise the text is to be asked again another time.

        Args:
            ids: the text.
            error: how it was refused.
        """
        try:
            self._form.ask(self._requests, self._address, [self._opening])
        except (RefusedError, MisreadError, UnansweredError) as broken:
            return self._unanswered(broken)
        try:
            return _Outcome(self._form.ask(self._requests, self._address, [ids])[0])
        except (MisreadError, UnansweredError) as other:
            return self._unanswered(other)
        except RefusedError as again:
            if again.status != error.status:
                return self._unanswered(again)
        long = error.status == 413 or any(word in str(error) for word in _TOO_LONG)
        _log.debug("a text is refused: %s", error)
        return _Outcome(None, Reason.TOO_LONG if long else Reason.REFUSED)

    def _unanswered(self, error: Exception) -> "_Outcome":
        self._last_error = str(error)
        return _Outcome(None, Reason.TRANSIENT)

    def settle(self) -> None:
        """Say what is left unread, if anything is.

        Raises:
            UnfinishedError: if a text got no answer since the last call.
        """
        if self._unread or self._requests.stopped:
            raise self._unfinished(self._last_error)

    def _unfinished(self, said: str) -> UnfinishedError:
        count, self._unread = self._unread, 0
        self._requests.resume()
        texts = f"left {count:,} texts unread" if count else "does not answer"
        hint = "what is done is kept: run the same line again, and it goes on"
        if said[:3] in ("401", "403"):
            hint = f"put the key into {' or '.join(KEYS)}, then run the same line again"
        elif "redirects to" in said:
            hint = "no other address is given the key: mend the server, or name that address"
        elif said.endswith("not finite"):
            hint += "; if not, the server has no number for these texts: leave them out"
        return UnfinishedError(f"{self._name} {texts}: {said}", hint=hint)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Word what goes wrong with the routes of the tokenizer."""
        try:
            yield
        except UnansweredError as error:
            raise self._unfinished(str(error)) from error
        except RefusedError as error:
            if not error.about_text:
                raise self._unfinished(str(error)) from error
            raise FeatureError(f"{self._name} refuses a text: {error}") from error

    # Opening

    @property
    def _name(self) -> str:
        return f"{self._address.base}#{self._address.model}"

    def _find_entry(self) -> Mapping[str, Any]:
        """Return what the server's list says of the model; nothing where it has no list."""
        try:
            answer = self._requests.get(f"{self._address.base}/models")
        except RefusedError as error:
            if error.denied or error.redirects:
                raise
            return {}
        listed = answer.get("data") if isinstance(answer, dict) else None
        entries = {str(entry.get("id")): entry for entry in listed or () if isinstance(entry, dict)}
        if entries and self._address.model not in entries:
            raise ModelLoadError(
                f"{self._address.base} has no model called {self._address.model!r}",
                hint=f"it has {', '.join(list(entries)[:5])}",
            )
        return entries.get(self._address.model, {})

    def _find_window(self) -> int:
        told = int(self._entry.get("max_model_len") or 0) or self._tokens.window
        # A prompt has to leave room for the one token that servers insist on making.
        window = min(told - 1 if told else 1 << 30, self._address.window or 1 << 30)
        if window == 1 << 30:
            raise ModelLoadError(
                f"{self._address.base} does not say how many tokens it reads at once",
                hint=f"say it: {self._address.base}?window=2048#{self._address.model}",
            )
        return window


class _Outcome(NamedTuple):
    """What came of a sequence: its numbers, shape (t,), or the reason why there are none."""

    values: Float32Array | None
    reason: Reason = Reason.OK


class _Plan(NamedTuple):
    """What is asked.

    Attributes:
        sequences: the different ones, cut behind their last target.
        weights: tokens that each stands for, of all sequences equal to it.
        number_of: of each sequence that is wanted, its place among the different ones; -1 for one
            of which nothing is wanted.
        free: tokens of those.
    """

    sequences: list[TokenIds]
    weights: list[int]
    number_of: list[int]
    free: int


def _plan(questions: Questions) -> _Plan:
    numbers: dict[bytes, int] = {}
    plan = _Plan([], [], [], 0)
    free = 0
    for ids, wanted in zip(questions.sequences, questions.targets, strict=True):
        if not len(wanted):
            plan.number_of.append(-1)
            free += len(ids)
            continue
        cut = ids[: int(wanted[-1]) + 1]
        number = numbers.setdefault(cut.tobytes(), len(numbers))
        if number == len(plan.sequences):
            plan.sequences.append(cut)
            plan.weights.append(0)
        plan.weights[number] += len(ids)
        plan.number_of.append(number)
    return plan._replace(free=free)


def _batches(sequences: Sequence[TokenIds], most: int) -> list[list[int]]:
    """Return the places of the sequences that go into one request, in order."""
    made: list[list[int]] = []
    tokens = 0
    for place, ids in enumerate(sequences):
        if not made or len(made[-1]) >= most or tokens + len(ids) > _TOKENS:
            made.append([])
            tokens = 0
        made[-1].append(place)
        tokens += len(ids)
    return made


def _denied(address: Address, error: RefusedError) -> ModelLoadError:
    return ModelLoadError(
        f"{address.base} denies access: {error}",
        hint=f"put its key into the environment variable {KEYS[0]}",
    )
