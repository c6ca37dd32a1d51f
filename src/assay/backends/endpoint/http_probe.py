"""How a server is asked for the log-probabilities of a prompt, and whether what it says holds.

Servers that take a field they do not know say nothing about it, and some answer with the right
number of wrong numbers. So before the first row a short text is asked in several forms: what comes
back has to be one finite number per token, the same for the ids and for their text, and the same
when another text is asked beside it; and a number may depend on its own token and on those before,
but not on those that follow.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from assay.backends.endpoint.client import Client
from assay.backends.endpoint.endpoint_address import Address
from assay.backends.endpoint.failures import RefusedError
from assay.backends.endpoint.http_tokens import Tokens
from assay.errors import ModelLoadError
from assay.rendering.encoding import TokenIds
from assay.samples import Float32Array

_TEXT = "A text is read once, and then once more: naïve café, 1 + 2 = 3. So it goes, 你好!"
_FEWEST_TOKENS = 4
_CLOSE = 0.1  # mean difference in nats that a server's batches may make in half precision
_LEAST = -9998.0  # vLLM writes minus infinity as -9999, which no text has
_WILL_DO = "serve it with vLLM (`vllm serve MODEL`) or SGLang; llama.cpp's server cannot tell them"


class MisreadError(Exception):
    """An answer is not what was asked for; the text says what is missing."""


class Form(NamedTuple):
    """A way to ask for the log-probabilities of a prompt.

    `several` says whether one request may hold several prompts.
    """

    fields: Mapping[str, Any]
    several: bool = False

    def ask(
        self,
        requests: Client,
        address: Address,
        prompts: Sequence[TokenIds],
        *,
        patient: bool = True,
    ) -> list[Float32Array]:
        """Return the log-probabilities of each prompt's tokens, the first NaN. Shape (t,) each.

        Raises:
            MisreadError: if the answer is not of that form.
            RefusedError: if the server refuses.
            UnansweredError: if it does not answer.
        """
        texts: Any = [ids.tolist() for ids in prompts]
        found = self.choices(requests, address, texts if len(texts) > 1 else texts[0], patient)
        if len(found) != len(prompts):
            raise MisreadError(f"{len(found)} choices for {len(prompts)} prompts")
        return [self.read(choice, ids) for choice, ids in zip(found, prompts, strict=True)]

    def choices(
        self, requests: Client, address: Address, prompt: Any, patient: bool
    ) -> list[Mapping[str, Any]]:
        """Return what the server makes of a prompt, or of several, in order."""
        url = f"{address.base}/completions"
        body = {"model": address.model, "prompt": prompt, "temperature": 0, **self.fields}
        answer = requests.post(url, body) if patient else requests.ask(url, body)
        found = answer.get("choices") if isinstance(answer, dict) else None
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            said = requests.reported(answer)
            raise MisreadError(f"no choices: {said}" if said else "no choices")
        places = [each.get("index") or 0 for each in found]
        if not all(type(place) is int for place in places):
            raise MisreadError("an index is no number")
        if any(places) and len(set(places)) < len(places):
            raise MisreadError("an index is there twice")
        return [each for _, each in sorted(zip(places, found, strict=True), key=lambda two: two[0])]

    def read(self, choice: Mapping[str, Any], ids: TokenIds) -> Float32Array:
        """Return the numbers of one prompt.

        Raises:
            MisreadError: if there is not one per token.
        """
        found = _listed(choice, ids) if "prompt_logprobs" in self.fields else _echoed(choice, ids)
        return np.array([math.nan, *found], np.float32)

    def __str__(self) -> str:
        """Return the fields, as a person reads them."""
        return ", ".join(f"{name}={value}" for name, value in self.fields.items())


FORMS = (
    Form({"prompt_logprobs": 0, "max_tokens": 1}),
    Form({"echo": True, "logprobs": 1, "max_tokens": 0}),
    Form({"echo": True, "logprobs": 1, "max_tokens": 1}),
)
"""Ways to ask, the one that gives each number with its token's id first."""


def _listed(choice: Mapping[str, Any], ids: TokenIds) -> list[float]:
    """Return the numbers of vLLM's own field, each found by its token's id."""
    entries = choice.get("prompt_logprobs")
    if not isinstance(entries, list):
        raise MisreadError("no prompt_logprobs")
    if len(entries) != len(ids):
        raise MisreadError(f"{len(entries)} prompt_logprobs for {len(ids)} tokens")
    found = []
    for place in range(1, len(ids)):
        entry = entries[place]
        own = entry.get(str(ids[place])) if isinstance(entry, dict) else None
        number = own.get("logprob") if isinstance(own, dict) else None
        found.append(_number(number, f"prompt_logprobs[{place}] of token {ids[place]}"))
    return found


def _echoed(choice: Mapping[str, Any], ids: TokenIds) -> list[float]:
    """Return the numbers of OpenAI's completions with `echo`."""
    inner = choice.get("logprobs")
    entries = inner.get("token_logprobs") if isinstance(inner, dict) else None
    if not isinstance(entries, list):
        raise MisreadError("no logprobs.token_logprobs")
    if not len(ids) <= len(entries) <= len(ids) + 1:
        raise MisreadError(f"{len(entries)} token_logprobs for {len(ids)} tokens")
    return [_number(entries[at], f"token_logprobs[{at}]") for at in range(1, len(ids))]


def _number(value: Any, name: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise MisreadError(f"{name} is {'null' if value is None else 'no number'}")
    if value > 1e-3:
        raise MisreadError(f"{name} is above 0")
    if not value > _LEAST:
        raise MisreadError(f"{name} is not finite")
    return float(value)


def opening_ids(tokens: Tokens) -> TokenIds:
    """Return the tokens of the text that a server is asked first. Shape (t,).

    Raises:
        ModelLoadError: if they are not those of a text.
    """
    ids = np.array(tokens.encode_as_usual([_TEXT])[0], np.int32)
    if len(set(ids.tolist())) < _FEWEST_TOKENS:
        raise ModelLoadError(
            f"the tokenizer cuts a text of {len(_TEXT)} characters into {len(ids)} tokens, which "
            "are no text",
            hint="name another one, or mend the server's: http://host:8000/v1?tokenizer=NAME#model",
        )
    return ids


def find_form(requests: Client, address: Address, tokens: Tokens, ids: TokenIds) -> Form:
    """Return the first form in which a server gives the log-probabilities of a prompt.

    Args:
        requests: what is sent to it.
        address: where it answers.
        tokens: its tokenizer.
        ids: what `opening_ids` returned.

    Raises:
        ModelLoadError: if there is none, or what comes back does not hold.
        UnansweredError: if the server does not answer.
    """
    missing: list[str] = []
    for form in FORMS:
        try:
            (values,) = form.ask(requests, address, [ids], patient=False)
        except (MisreadError, RefusedError) as error:
            if isinstance(error, RefusedError) and error.ends_all:
                raise
            missing.append(f"{form}: {error}")
            continue
        try:
            return _checked(form, requests, address, tokens, ids, values)
        except (MisreadError, RefusedError) as error:
            raise ModelLoadError(
                f"the log-probabilities of POST {address.base}/completions do not hold: {error}",
                hint=_WILL_DO,
            ) from error
    raise ModelLoadError(
        f"POST {address.base}/completions gives no log-probabilities of a prompt "
        f"({'; '.join(dict.fromkeys(missing))})",
        hint=_WILL_DO,
    )


def _checked(
    form: Form,
    requests: Client,
    address: Address,
    tokens: Tokens,
    ids: TokenIds,
    values: Float32Array,
) -> Form:
    """Return the form, if its numbers stand when the text is asked in other ways."""
    _check_text(form, requests, address, tokens, ids, values)
    other = ids.copy()
    other[-1] = next(token for token in ids[::-1] if token != ids[-1])
    prompts = [ids, other, ids[: len(ids) // 2]]
    try:
        found = form.ask(requests, address, prompts, patient=False)
        form = form._replace(several=True)
    except (MisreadError, RefusedError):
        found = [form.ask(requests, address, [each], patient=False)[0] for each in prompts]
    again, changed, begun = found
    if _far(again[1:], values[1:]):
        raise MisreadError("the same tokens get other numbers when they are asked again")
    if _far(changed[1:-1], values[1:-1]) or _far(begun[1:], values[1 : len(begun)]):
        raise MisreadError("a number changes with the tokens behind it, so they are not aligned")
    if abs(float(changed[-1] - values[-1])) < 1e-6:
        raise MisreadError("another last token gets the number of the first one")
    return form


def _check_text(
    form: Form,
    requests: Client,
    address: Address,
    tokens: Tokens,
    ids: TokenIds,
    values: Float32Array,
) -> None:
    """Check that the text itself gets the numbers of its ids: the tokenizer is the model's own."""
    (choice,) = form.choices(requests, address, _TEXT, False) or [{}]
    plain = np.array(tokens.encode([_TEXT])[0], np.int32)
    try:
        found = form.read(choice, ids)
    except MisreadError as error:
        if len(plain) == len(ids):
            raise _other_tokens(error) from error
        # Servers differ in whether they put a token before a text.
        try:
            found = form.read(choice, plain)
        except MisreadError:
            raise _other_tokens(error) from error
        (values,) = form.ask(requests, address, [plain], patient=False)
    if _far(found[1:], values[1:]):
        raise _other_tokens(MisreadError("the numbers of the text are not those of its ids"))


def _other_tokens(error: MisreadError) -> MisreadError:
    return MisreadError(f"the server cuts the text into other tokens than its ids here ({error})")


def _far(first: Float32Array, second: Float32Array) -> bool:
    return bool(np.abs(first - second).mean() > _CLOSE)
