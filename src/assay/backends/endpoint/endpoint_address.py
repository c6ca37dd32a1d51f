"""Addresses of language models behind HTTP: ``http://host:8000/v1#model@label``.

Before the ``#`` stands where the server's OpenAI-compatible routes begin, behind it the model's
name there and a label of the user's own, such as a version. A server cannot be asked for a digest
of its weights: without a label a model is called *unpinned*, in its name and so in every result.

``?tokenizer=`` before the ``#`` names a tokenizer at hand (a folder, ``tokenizer.json``, or a name
on the Hub) to be used in place of the server's, ``&window=`` the most tokens that it reads at once.
"""

from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from assay.backends.endpoint.keys import KEYS_VARIABLE, Host
from assay.backends.pins import hub_commit, is_pinned, pin_model
from assay.components.references import UNPINNED
from assay.errors import ModelLoadError, Parameter, Phrase

_FORM = "http://host:8000/v1#model, or #model@label with a version of your own"
_OPTIONS = ("tokenizer", "window")


class Address(NamedTuple):
    """Where a model answers.

    Attributes:
        base: what the routes are added to, such as ``http://host:8000/v1``.
        model: the model's name there.
        label: the user's word for its version, or "unpinned".
        tokenizer: name of a tokenizer at hand, pinned or not; empty for the server's own.
        window: most tokens that it reads at once; 0 where the server is to tell.
    """

    base: str
    model: str
    label: str
    tokenizer: str = ""
    window: int = 0

    @property
    def root(self) -> str:
        """Return the server's own address, under which its other routes lie."""
        return self.base.removesuffix("/v1")

    @property
    def host(self) -> str:
        """Return the name of the machine."""
        return urlsplit(self.base).hostname or ""

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine."""
        return Host.of(self.base).is_local

    def __str__(self) -> str:
        """Return the address as it is typed."""
        options = [f"tokenizer={self.tokenizer}"] if self.tokenizer else []
        options += [f"window={self.window}"] if self.window else []
        query = f"?{'&'.join(options)}" if options else ""
        return f"{self.base}{query}#{self.model}@{self.label}"


def parse_address(text: str) -> Address:
    """Return the parts of an address.

    Raises:
        ModelLoadError: if it has another form.
    """
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
        options = dict(parse_qsl(parts.query.replace("+", "%2B"), strict_parsing=bool(parts.query)))
    except ValueError as error:
        raise ModelLoadError(f"{_without_user(text)} is no address: {error}", hint=_FORM) from error
    if parts.username or parts.password:
        # What stands there is secret, so it is not repeated.
        raise ModelLoadError(
            f"the address of {host} holds a name or a password",
            hint=f"put a key into the environment: {KEYS_VARIABLE}='{host}=KEY'",
        )
    if not host:
        raise ModelLoadError(f"{text} names no machine", hint=_FORM)
    model, found, label = parts.fragment.rpartition("@")
    model, label = (model, label) if found else (label, UNPINNED)
    base = f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/') or '/v1'}"
    if not model or not label:
        raise ModelLoadError(
            f"{text} does not say which model of the server is meant",
            hint=f"{_FORM}; {base}/models lists them",
        )
    unknown = sorted(set(options) - set(_OPTIONS))
    if unknown:
        raise ModelLoadError(
            f"{text}: {unknown[0]!r} is no option of an address", hint="tokenizer=, window="
        )
    return Address(base, model, label, options.get("tokenizer", ""), _window(text, options))


def pin_address(text: str, *, offline: bool) -> str:
    """Return an address with its label, and the digest of the tokenizer that it names.

    Raises:
        ModelLoadError: if it has another form, names no tokenizer there is, or is that of another
            machine and the network is not to be touched.
    """
    address = parse_address(text)
    check_reachable(address, offline=offline)
    if address.tokenizer and not is_pinned(address.tokenizer):
        address = address._replace(tokenizer=_pin_tokenizer(address.tokenizer, offline=offline))
    return str(address)


def check_reachable(address: Address, *, offline: bool) -> None:
    """Check that asking a server does not go against working offline.

    Raises:
        ModelLoadError: if it is on another machine, and the network is not to be touched.
    """
    if offline and not address.is_local:
        raise ModelLoadError(
            Phrase("{} is on another machine, and {} is set", address.base, Parameter("offline")),
            hint=Phrase("leave {} away, or start the server here", Parameter("offline")),
        )


def _pin_tokenizer(name: str, *, offline: bool) -> str:
    bare = "/" not in name and not Path(name).exists()  # the Hub's oldest, such as gpt2
    return f"{name}@{hub_commit(name, offline=offline)}" if bare else pin_model(
        "tokenizer", name, offline=offline
    )  # fmt: skip


def _window(text: str, options: dict[str, str]) -> int:
    word = options.get("window", "")
    if not word:
        return 0
    if not word.isdecimal() or int(word) < 8:
        raise ModelLoadError(f"{text}: window={word} is no number of tokens", hint="window=4096")
    return int(word)


def _without_user(text: str) -> str:
    before, found, after = text.partition("@")
    return f"{before.partition('://')[0]}://{after}" if found and "#" not in before else text
