"""What may come of a request other than an answer, and how the kinds are told apart.

Servers that speak OpenAI's protocol word their errors differently, and use the same code for faults
of the text, of a parameter, of the account and of the address. What is to be done about them
differs, so each is recognised by the codes that servers are known to give, then by their words.
"""

import enum
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from assay.models.asking import AGAIN

_PASSING = {408, 409, 425, 429}
_LASTING = {501, 505}  # of the codes from 500 on, those that say what a server cannot do at all
_PRESSING = {429, 503, 529}
_DENIED = {401, 403}
_ABOUT_THE_BODY = {400, 413, 422, 451}


class Cause(enum.Enum):
    """Why a server refuses a request for good.

    Attributes:
        TOO_LONG: the text does not fit into what the model reads at once.
        FILTERED: a content filter will not have the text.
        UNSUPPORTED: the model does not take a parameter, or this value of it.
        DENIED: it wants a key, or another one.
        NO_MODEL: it has no model of that name.
        UNPAID: the account has no money or no quota left.
        OTHER: anything else.
    """

    TOO_LONG = "too long"
    FILTERED = "filtered"
    UNSUPPORTED = "unsupported"
    DENIED = "denied"
    NO_MODEL = "no model"
    UNPAID = "unpaid"
    OTHER = "other"


class RefusedError(Exception):
    """The server answers a request with an error that asking again at once would not mend.

    Args:
        status: its code.
        said: the code and the server's first words, as a line that is safe to show.
        cause: why it refuses.
        parameter: name of the parameter that is not supported, "" if there is none.
        hint: what to do about it; by default what goes for its cause.

    Attributes:
        denied: whether it wants a key, or another one.
        redirects: whether it names another address. None is followed: it would get the key.
        about_text: whether it may be about the text that was sent, and about nothing else.
        ends_all: whether every other request would be refused as well.
    """

    def __init__(
        self,
        status: int,
        said: str,
        cause: Cause = Cause.OTHER,
        *,
        parameter: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(said)
        self.status = status
        self.cause = cause
        self.parameter = parameter
        self.denied = cause is Cause.DENIED
        self.redirects = 300 <= status < 400
        # What a parameter, an account or a name did is no fault of the text.
        of_text = cause in (Cause.TOO_LONG, Cause.FILTERED)
        self.about_text = of_text or (cause is Cause.OTHER and status in _ABOUT_THE_BODY)
        self.ends_all = cause in (Cause.DENIED, Cause.NO_MODEL, Cause.UNPAID)
        self.hint = hint or _hint(self)


class Heard(NamedTuple):
    """What was heard of a server before a request failed.

    Attributes:
        spoken: whether it said anything at all.
        status: the code of its reply, 0 if none came.
        late: whether the time was over.
        reached: whether it may have got the request, and may charge for it.
    """

    spoken: bool = False
    status: int = 0
    late: bool = False
    reached: bool = True


_NOTHING = Heard()


class UnansweredError(Exception):
    """A request got no answer that can be used, however often it was sent; another time it may.

    Attributes:
        heard: what was heard of the server.
        hint: what to do about it.
        lasting: whether asking again at once would not mend it.
        stops: whether nothing else needs to be sent either.
        wait: seconds that the server asks to wait, None if it does not.
    """

    def __init__(
        self,
        said: str,
        heard: Heard = _NOTHING,
        *,
        hint: str = AGAIN,
        lasting: bool = False,
        stops: bool = False,
        wait: float | None = None,
    ) -> None:
        super().__init__(said)
        self.heard = heard
        self.hint = hint
        self.lasting = lasting or stops
        self.stops = stops
        self.wait = wait

    @property
    def spoken(self) -> bool:
        """Whether the server said anything at all."""
        return self.heard.spoken

    @property
    def status(self) -> int:
        """The code of its reply, 0 if none came."""
        return self.heard.status

    @property
    def reached(self) -> bool:
        """Whether the server may have got the request, and may charge for it."""
        return self.heard.reached

    @property
    def pressed(self) -> bool:
        """Whether the server has more to do than it can."""
        return self.heard.late or self.heard.status in _PRESSING


def passes(status: int) -> bool:
    """Return whether a code tells of a failure that may be over the next time."""
    return status in _PASSING or (status >= 500 and status not in _LASTING)


def cause_of(status: int, content: bytes) -> tuple[Cause, str]:
    """Return why a server refuses, and the parameter that it does not support, if that is why.

    Args:
        status: the code of its reply, none of success.
        content: the body of the reply, or the beginning of it.
    """
    told = _Told(content)
    if status == 402 or told.has(_UNPAID_CODES, _UNPAID_WORDS):
        return Cause.UNPAID, ""
    if 300 <= status < 400 or passes(status):
        return Cause.OTHER, ""
    parameter = told.unsupported()
    # In this order: some servers put what is in the text into the codes that deny access.
    holds = {
        Cause.FILTERED: told.has(_FILTERED_CODES, _FILTERED_WORDS) or told.moderated,
        Cause.UNSUPPORTED: bool(parameter),
        Cause.DENIED: status in _DENIED,
        Cause.NO_MODEL: told.has(_NO_MODEL_CODES)
        or (status == 404 and told.has((), _NO_MODEL_WORDS)),
        Cause.TOO_LONG: status == 413
        or (status in _ABOUT_THE_BODY and told.has(_LONG_CODES, _LONG_WORDS)),
        Cause.OTHER: True,
    }
    cause = next(cause for cause, found in holds.items() if found)
    return cause, parameter if cause is Cause.UNSUPPORTED else ""


_UNPAID_CODES = ("insufficient_quota", "billing_hard_limit_reached", "insufficient_balance")
_UNPAID_WORDS = re.compile(
    "exceeded your current quota|insufficient (balance|credit|fund)|credit balance is too low", re.I
)
_FILTERED_CODES = (
    "content_filter", "content_policy_violation", "responsibleaipolicyviolation",
)  # fmt: skip
_FILTERED_WORDS = re.compile("content filter|content management policy|content policy", re.I)
_NO_MODEL_CODES = ("model_not_found",)
_NO_MODEL_WORDS = re.compile(
    r"model\b.{0,200}\b(not found|not exist|is not available|unknown)|(no such|unknown) model",
    re.I | re.S,
)
_LONG_CODES = ("context_length_exceeded", "exceed_context_size_error")
_LONG_WORDS = re.compile(
    "context length|context size|context window|prompt is too long|too long|maximum length"
    "|max_model_len|longer than|too many tokens",
    re.I,
)
_UNSUPPORTED_CODES = (
    "unsupported_parameter", "unsupported_value", "unknown_parameter",
)  # fmt: skip
_NAME = r"[`'\"\[(]*(?P<name>[A-Za-z_][A-Za-z0-9_.]{0,60})"
_UNSUPPORTED_WORDS = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        rf"(?:unsupported|unknown|unrecognized) parameters?: {_NAME}",
        rf"unrecognized request arguments? supplied: {_NAME}",
        rf"unsupported value: {_NAME}",
        rf"does not support (?:the )?parameters?:? {_NAME}",
        rf"parameter:? {_NAME}['\"`]? is not supported",
        rf"not allowed to request {_NAME}",
        rf"extra_forbidden['\"], ['\"]loc['\"]: [(\[]['\"]body['\"], {_NAME}",
    )
)  # fmt: skip
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.\[\]]{0,60}")
_LOOKED_AT = 8192


class _Told:
    """What a reply says of an error: codes, words, and the parameter that it names."""

    def __init__(self, content: bytes) -> None:
        self._text = content[:_LOOKED_AT].decode("utf-8", "replace")
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            found = None
        self._objects = list(_objects(found))
        self._codes = {
            str(each[name]).lower()
            for each in self._objects
            for name in ("code", "type")
            if isinstance(each.get(name), str)
        }

    def has(self, codes: tuple[str, ...], words: re.Pattern[str] | None = None) -> bool:
        """Return whether one of the codes is there, or the words are."""
        return not self._codes.isdisjoint(codes) or bool(words and words.search(self._text))

    @property
    def moderated(self) -> bool:
        """Whether reasons are listed for which a text was flagged, as OpenRouter does."""
        return any(isinstance(each.get("reasons"), list) for each in self._objects)

    def unsupported(self) -> str:
        """Return the parameter that is not supported, "" if it is something else."""
        for each in self._objects:
            if str(each.get("code")).lower() in _UNSUPPORTED_CODES and _named(each.get("param")):
                return str(each["param"])
            place = each.get("loc")
            forbidden = each.get("type") == "extra_forbidden" and isinstance(place, list)
            if forbidden and place and _named(place[-1]):
                return str(place[-1])
        for pattern in _UNSUPPORTED_WORDS:
            if found := pattern.search(self._text.replace('\\"', '"')):
                return found["name"].rstrip(".")
        return ""


def _named(value: Any) -> bool:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def _objects(found: Any, depth: int = 4) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of an answer, from the outside in, a few steps deep."""
    if depth and isinstance(found, dict):
        yield found
        for value in found.values():
            yield from _objects(value, depth - 1)
    elif depth and isinstance(found, list):
        for value in found[:8]:
            yield from _objects(value, depth - 1)


def _hint(error: RefusedError) -> str:
    if error.redirects:
        return "no other address is given the key: mend the server, or name that address"
    if error.cause is Cause.UNPAID:
        return f"see to the account's money or quota; {AGAIN}"
    if error.cause is Cause.NO_MODEL:
        return "name a model that the server has: its route /models lists them"
    if error.cause is Cause.UNSUPPORTED:
        return f"leave {error.parameter} out, or ask a model that takes it"
    return AGAIN
