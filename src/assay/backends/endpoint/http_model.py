"""A model behind HTTP, whatever it is asked for: where it answers, its tokens, and its failures.

What a server does not answer stays undone: it is asked again in the next run, and nothing else is.
So does whatever else may be the server's own fault: redirects, missing routes, numbers that are
missing or not finite. Only a refusal that is about the text is kept, see `ServedModel.refused`.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from assay.backends.endpoint.client import Client
from assay.backends.endpoint.endpoint_address import Address, check_reachable, parse_address
from assay.backends.endpoint.failures import Cause, RefusedError, UnansweredError
from assay.backends.endpoint.http_probe import MisreadError
from assay.backends.endpoint.http_tokens import (
    MOST_TOKENS,
    EncodingModel,
    LocalTokens,
    ServerTokens,
    Tokens,
    whole_number,
)
from assay.backends.endpoint.retries import model_patience
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
from assay.models.asking import AGAIN
from assay.samples import Reason
from assay.wording import number_of, one_line

if TYPE_CHECKING:
    from assay.models.workplace import Workplace

Failure = RefusedError | UnansweredError | MisreadError
Result = TypeVar("Result")
ServedT = TypeVar("ServedT", bound="ServedModel")

_log = logging.getLogger(__name__)
_LONGEST_NAME = 60
_SEE_TO = "see to the server, or mend the address, then run the same line again"
_SERVE = "start one, such as `vllm serve MODEL --port 8000`, or mend the address"


def open_served(kind: type[ServedT], pinned: str, dtype: DType, runtime: "Workplace") -> ServedT:
    """Return the model at an address, once it has shown that it gives what is needed.

    Args:
        kind: what it is asked for.
        pinned: its address.
        dtype: number format, which only the server can choose.
        runtime: whether the network may be asked.

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
        return _opened(
            kind, address, Client(address.base, model_patience()), offline=runtime.offline
        )
    except RefusedError as error:
        if error.denied:
            raise denied(address, error) from error
        raise ModelLoadError(
            f"{address.base} refuses: {error}",
            hint=error.hint if error.redirects or error.ends_all else _SERVE,
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


def _opened(kind: type[ServedT], address: Address, requests: Client, *, offline: bool) -> ServedT:
    try:
        return kind(address, requests, offline=offline)
    except BaseException:
        requests.close()
        raise


class ServedModel(EncodingModel):
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

    left: ClassVar[str] = "unread"
    """What is said of texts that got no answer."""

    def __init__(self, address: Address, requests: Client, *, offline: bool) -> None:
        self._address = address
        self._requests = requests
        self._offline = offline
        self._unlisted = ""
        self._entry = self._find_entry()
        self._unread = 0
        self._last_error: Failure = UnansweredError("not sent")

    @cached_property
    def _tokens(self) -> Tokens:
        if self._address.tokenizer:
            return LocalTokens(self._address.tokenizer, offline=self._offline)
        return ServerTokens(self._requests, self._address)

    @cached_property
    def window(self) -> int:
        """Most tokens that it takes, the one that servers insist on making left out."""
        return self._find_window()

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """Return the text of each token, so that together they are the text of all."""
        with self._explained():
            return pieces(ids, self._tokens.decode)

    # The server

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

    # What goes wrong

    def refused(
        self,
        error: RefusedError,
        opening: Callable[[], object],
        again: Callable[[], Result],
    ) -> Result | Reason:
        """Return what came of a text that was refused, be it for its own sake or the server's.

        It is the text's, as with a content filter or a text too long for the model, if the code can
        be about a text, the server still answers the text with which it was opened, and refuses
        this one again with the same code. Otherwise the text is to be asked again another time.

        Args:
            error: how it was refused.
            opening: asks for the text with which the server was opened.
            again: asks for this one once more.
        """
        try:
            opening()
        except (RefusedError, MisreadError, UnansweredError) as broken:
            return self.unanswered(broken)
        try:
            return again()
        except (MisreadError, UnansweredError) as other:
            return self.unanswered(other)
        except RefusedError as second:
            if second.status != error.status:
                return self.unanswered(second)
        _log.debug("a text is refused: %s", error)
        return Reason.TOO_LONG if error.cause is Cause.TOO_LONG else Reason.REFUSED

    def unanswered(self, error: Failure) -> Reason:
        """Return why there is no answer yet, and remember it for `settle`."""
        self._last_error = error
        return Reason.TRANSIENT

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

    def _unfinished(self, error: "Failure") -> UnfinishedError:
        count, self._unread = self._unread, 0
        if self._requests.stopped:
            error = self._requests.why_stopped  # others failed because of it
        self._requests.resume()
        texts = f"left {number_of(count, 'text')} {self.left}" if count else "does not answer"
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
        window = min(reported - 1 if reported else MOST_TOKENS, self._address.window or MOST_TOKENS)
        if window == MOST_TOKENS:
            raise ModelLoadError(
                f"{self._address.base} does not say how many tokens it reads at once"
                f"{self._unlisted}",
                hint=f"say it: {self._address.base}?window=2048#{self._address.model}",
            )
        return window


def denied(address: Address, error: RefusedError) -> ModelLoadError:
    """Return what is said where a server wants a key, or another one."""
    return ModelLoadError(
        f"{address.base} denies access: {error}",
        hint=error.hint,
    )
