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
from typing import TYPE_CHECKING, Any

import numpy as np

from assay.backends.endpoint.endpoint_address import Address, check_reachable, parse_address
from assay.backends.endpoint.http_plan import Outcome, Plan, batches, key_of, plan_of
from assay.backends.endpoint.http_probe import Form, MisreadError, find_form, opening_ids
from assay.backends.endpoint.http_requests import (
    AGAIN,
    KEYS,
    RefusedError,
    Requests,
    UnansweredError,
)
from assay.backends.endpoint.http_tokens import LocalTokens, ServerTokens, Tokens, whole_number
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
from assay.models.language_model import NOTHING_KEPT, Advance, Answers, Kept, Questions
from assay.rendering.encoding import TokenIds
from assay.samples import UNFINISHED, Reason
from assay.wording import number_of, one_line

if TYPE_CHECKING:
    from assay.models.workplace import Workplace

_Failure = RefusedError | UnansweredError | MisreadError

_log = logging.getLogger(__name__)
_LONGEST_NAME = 60
_PROMPTS = 8
_CHECKED = 8  # sequences that were answered before, and are asked once more before they count
_CLOSE = 0.05  # mean difference in nats that the batches of a server may make
_SEE_TO = "see to the server, or mend the address, then run the same line again"
_SERVE = "start one, such as `vllm serve MODEL --port 8000`, or mend the address"
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
    try:
        return _opened(address, Requests(local=address.is_local), offline=runtime.offline)
    except RefusedError as error:
        if error.denied:
            raise _denied(address, error) from error
        raise ModelLoadError(
            f"{address.base} refuses: {error}", hint=error.hint if error.redirects else _SERVE
        ) from error
    except UnansweredError as error:
        if error.spoken:
            raise ModelLoadError(
                f"{address.base} gives no usable answer: {error}",
                hint=_SEE_TO if error.hint == AGAIN else error.hint,
            ) from error
        raise ModelLoadError(
            f"no server answers at {address.base}: {error}",
            hint=_SERVE,
        ) from error


def _opened(address: Address, requests: Requests, *, offline: bool) -> "EndpointModel":
    try:
        return EndpointModel(address, requests, offline=offline)
    except BaseException:
        requests.close()
        raise


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

    def width_at(self, layer: int) -> int:
        """Return 0: a server gives no hidden states."""
        return 0

    def __init__(self, address: Address, requests: Requests, *, offline: bool) -> None:
        self._address = address
        self._requests = requests
        self._unlisted = ""
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
        self._last_error: _Failure = UnansweredError("not sent")

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
        owner = one_line(str(self._entry.get("owned_by") or "unknown"), _LONGEST_NAME)
        try:
            answer = self._requests.get(f"{self._address.root}/version")
        except (RefusedError, UnansweredError):
            return {"server": owner}
        version = answer.get("version") if isinstance(answer, dict) else None
        if not isinstance(version, str):
            return {"server": owner}
        return {"server": f"{owner} {one_line(version, _LONGEST_NAME)}"}

    def read(self, questions: Questions, advance: Advance, kept: Kept = NOTHING_KEPT) -> Answers:
        """Ask for every different sequence once; what gets no answer has a reason.

        Raises:
            ConfigError: if distributions or hidden states are wanted.
            UnfinishedError: if the server has been gone since the last time.
        """
        if questions.statistics or questions.pools:
            raise ConfigError("an endpoint gives neither distributions nor hidden states")
        if self._requests.stopped:
            self.settle()
        plan = plan_of(questions)
        advance(plan.free)
        found = self._kept(plan, kept)
        advance(sum(plan.weights[number] for number in found))
        wanted = [number for number in range(len(plan.sequences)) if number not in found]
        asked = batches(plan.sequences, wanted, _PROMPTS if self._form.several else 1)
        for place, outcomes in self._requests.each(
            lambda batch: self._read([plan.sequences[number] for number in batch]), asked
        ):
            for number, outcome in zip(asked[place], outcomes, strict=True):
                found[number] = outcome
                if outcome.reason not in UNFINISHED:
                    kept.keep(key_of(plan.sequences[number]), outcome.packed())
            advance(int(sum(plan.weights[number] for number in asked[place])))
        return self._answers(questions, plan, found)

    def _kept(self, plan: Plan, kept: Kept) -> dict[int, Outcome]:
        """Return what a stopped run was answered, by number, if the server says the same still."""
        found = {
            number: Outcome.unpacked(answer)
            for number, ids in enumerate(plan.sequences)
            if (answer := kept.find(key_of(ids))) is not None
        }
        reported = [number for number, outcome in found.items() if outcome.values is not None]
        some = next(
            iter(batches(plan.sequences, reported, _CHECKED if self._form.several else 1)), []
        )
        before = [found[number].values for number in some]
        again = self._read([plan.sequences[number] for number in some]) if some else []
        for old, new in zip(before, again, strict=True):
            if old is None or new.values is None or len(old) < 2:
                continue  # nothing was said against it
            if np.abs(old[1:] - new.values[1:]).mean() > _CLOSE:
                _log.warning(
                    "%s gives other numbers than before this run was stopped: all is asked anew",
                    self._name,
                )
                kept.forget()
                return {}
        return found

    def _answers(self, questions: Questions, plan: Plan, found: Mapping[int, Outcome]) -> Answers:
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

    def _read(self, sequences: Sequence[TokenIds]) -> list[Outcome]:
        """Return the numbers of some sequences; those of a request that is refused one by one."""
        try:
            return [
                Outcome(values)
                for values in self._form.ask(self._requests, self._address, sequences)
            ]
        except (RefusedError, MisreadError, UnansweredError) as error:
            passing = isinstance(error, UnansweredError)
            if len(sequences) > 1 and not (passing and self._requests.stopped):
                return [outcome for each in sequences for outcome in self._read([each])]
            if len(sequences) == 1 and isinstance(error, RefusedError) and error.about_text:
                return [self.refusal(sequences[0], error)]
            return [self._unanswered(error)] * len(sequences)

    def refusal(self, ids: TokenIds, error: RefusedError) -> Outcome:
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
            return Outcome(self._form.ask(self._requests, self._address, [ids])[0])
        except (MisreadError, UnansweredError) as other:
            return self._unanswered(other)
        except RefusedError as again:
            if again.status != error.status:
                return self._unanswered(again)
        long = error.status == 413 or any(word in str(error) for word in _TOO_LONG)
        _log.debug("a text is refused: %s", error)
        return Outcome(None, Reason.TOO_LONG if long else Reason.REFUSED)

    def _unanswered(self, error: "_Failure") -> Outcome:
        self._last_error = error
        return Outcome(None, Reason.TRANSIENT)

    def begin(self) -> None:
        """Ask the server, whatever kept from it before."""
        self._unread = 0
        self._requests.resume()

    def break_off(self) -> None:
        """Give up all requests that are under way."""
        self._requests.break_off()

    def close(self) -> None:
        """Close all connections to the server."""
        self._requests.close()

    def settle(self) -> None:
        """Say what is left unread, if anything is.

        Raises:
            UnfinishedError: if a text got no answer since the last call.
        """
        if self._unread or self._requests.stopped:
            raise self._unfinished(self._last_error)

    def _unfinished(self, error: "_Failure") -> UnfinishedError:
        count, self._unread = self._unread, 0
        if self._requests.stopped:
            error = self._requests.why_stopped  # others failed because of it
        self._requests.resume()
        texts = f"left {number_of(count, 'text')} unread" if count else "does not answer"
        hint = AGAIN if isinstance(error, MisreadError) else error.hint
        if str(error).endswith("not finite"):
            hint += "; if not, the server has no number for these texts: leave them out"
        return UnfinishedError(f"{self._name} {texts}: {error}", hint=hint)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Word what goes wrong with the routes of the tokenizer."""
        try:
            yield
        except UnansweredError as error:
            raise self._unfinished(error) from error
        except RefusedError as error:
            if not error.about_text:
                raise self._unfinished(error) from error
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
            self._unlisted = f" (GET {self._address.base}/models: {error})"
            return {}
        listed = answer.get("data") if isinstance(answer, dict) else None
        entries = {
            str(entry.get("id")): entry
            for entry in (listed if isinstance(listed, list) else ())
            if isinstance(entry, dict)
        }
        if entries and self._address.model not in entries:
            names = ", ".join(one_line(name, _LONGEST_NAME) for name in list(entries)[:5])
            raise ModelLoadError(
                f"{self._address.base} has no model called {self._address.model!r}",
                hint=f"it has {names}",
            )
        return entries.get(self._address.model, {})

    def _find_window(self) -> int:
        reported = whole_number(self._entry.get("max_model_len")) or self._tokens.window
        # A prompt has to leave room for the one token that servers insist on making.
        window = min(reported - 1 if reported else 1 << 30, self._address.window or 1 << 30)
        if window == 1 << 30:
            raise ModelLoadError(
                f"{self._address.base} does not say how many tokens it reads at once"
                f"{self._unlisted}",
                hint=f"say it: {self._address.base}?window=2048#{self._address.model}",
            )
        return window


def _denied(address: Address, error: RefusedError) -> ModelLoadError:
    return ModelLoadError(
        f"{address.base} denies access: {error}",
        hint=f"put its key into the environment variable {KEYS[0]}",
    )
