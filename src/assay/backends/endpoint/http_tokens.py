"""Tokens for a model behind HTTP: by a tokenizer at hand, or by the server's own routes."""

import contextlib
import json
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from assay.backends.endpoint.client import Client
from assay.backends.endpoint.endpoint_address import Address
from assay.backends.endpoint.failures import RefusedError, UnansweredError
from assay.backends.pins import check_same, folder_digest, hub_file, split_pin
from assay.backends.token_text import chat_text
from assay.errors import ConfigError, MissingExtraError, ModelLoadError
from assay.rendering.encoding import TextEncoding

_FILES = ("tokenizer_config.json", "config.json")
_LOOKS_SPECIAL = re.compile(r"<[^<>\n]{1,60}>|\[/?[A-Z][A-Z_]*\]")
_NAME_ONE = "name its tokenizer, org/name or a folder: {base}?tokenizer=NAME#{model}"

MOST_TOKENS = 1 << 30
"""More than any model reads, and any vocabulary has."""


class Tokens(TextEncoding, Protocol):
    """Turns texts into ids of tokens and back."""

    @property
    def window(self) -> int:
        """Return the most tokens that the model takes, if that is known here; else 0."""

    def decode(self, sequences: Sequence[Sequence[int]]) -> list[str]:
        """Return the text of each sequence, special tokens included."""


class EncodingModel:
    """A model that encodes as the tokenizer does that it holds. Subclasses write `_tokens`."""

    @property
    @abstractmethod
    def _tokens(self) -> TextEncoding:
        """Return the tokenizer."""

    def _explained(self) -> AbstractContextManager[None]:
        """Word what goes wrong while texts are encoded; by default it is told as it is."""
        return contextlib.nullcontext()

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

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Any],
        *,
        answering: bool = False,
    ) -> str:
        """Return a conversation in the model's own format.

        Raises:
            ConfigError: if the tokenizer is on the server alone, or has no such format.
            FeatureError: if the format refuses the conversation.
        """
        return self._tokens.chat(messages, tools, answering=answering)


class LocalTokens:
    """A ``tokenizer.json`` of this machine or the Hub.

    Args:
        pinned: file, folder or ``org/name``, and its digest.
        offline: never touch the network.

    Raises:
        ModelLoadError: if it cannot be opened or no longer has that digest.
    """

    window = 0

    def __init__(self, pinned: str, *, offline: bool) -> None:
        from tokenizers import Tokenizer  # noqa: PLC0415  costs start-up time

        self._name, self._digest = split_pin(pinned)
        self._offline = offline
        self._local = Path(self._name).exists()
        if self._local:
            check_same(self._name, folder_digest(Path(self._name)), self._digest)
        file = self._file("tokenizer.json")
        try:
            readers = [Tokenizer.from_file(str(file)) for _ in range(2)]
        except Exception as error:  # the Rust library raises bare Exception
            raise ModelLoadError(f"{file} is not a tokenizer: {error}") from error
        for reader in readers:
            reader.no_padding()
            reader.no_truncation()
        self._special, self._plain = readers
        self._plain.encode_special_tokens = True
        settings = [self._settings(name) for name in _FILES]
        self.bos = self._ending("bos_token", *settings)
        self.eos = self._ending("eos_token", *settings)

    @cached_property
    def special_texts(self) -> Sequence[str]:
        """Texts that stand for special tokens."""
        added = self._special.get_added_tokens_decoder().values()
        return sorted({token.content for token in added if token.special})

    def encode(self, texts: Sequence[str], *, special: bool = False) -> list[list[int]]:
        """Return the token ids of each text, with nothing added."""
        reader = self._special if special else self._plain
        return [
            each.ids for each in reader.encode_batch_fast(list(texts), add_special_tokens=False)
        ]

    def encode_as_usual(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, with what the tokenizer adds."""
        return [each.ids for each in self._special.encode_batch_fast(list(texts))]

    def decode(self, sequences: Sequence[Sequence[int]]) -> list[str]:
        """Return the text of each sequence, special tokens included."""
        return [self._special.decode(list(ids), skip_special_tokens=False) for ids in sequences]

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Any],
        *,
        answering: bool = False,
    ) -> str:
        """Return a conversation in the model's own format.

        Raises:
            MissingExtraError: if transformers, which knows the formats, is not installed.
            ConfigError: if there is no such format.
            FeatureError: if the format refuses the conversation.
        """
        return chat_text(self._with_format, self._name, messages, tools, answering=answering)

    @cached_property
    def _with_format(self) -> Any:
        try:
            import transformers  # noqa: PLC0415  heavy
        except ImportError as error:
            raise MissingExtraError("a model's own chat format", "models") from error
        return transformers.AutoTokenizer.from_pretrained(
            self._name,
            revision=None if self._local else self._digest,
            local_files_only=self._local or self._offline,
            trust_remote_code=False,
        )

    def _file(self, name: str) -> Path:
        if not self._local:
            return hub_file(self._name, name, revision=self._digest, offline=self._offline)
        path = Path(self._name)
        if path.is_dir():
            return path / name
        return path if name == "tokenizer.json" else path.parent / name

    def _settings(self, name: str) -> dict[str, Any]:
        try:
            found = json.loads(self._file(name).read_text(encoding="utf-8"))
        except (OSError, ValueError, ModelLoadError):
            return {}  # the file is not among those that come with a tokenizer
        return found if isinstance(found, dict) else {}

    def _ending(self, name: str, own: dict[str, Any], model: dict[str, Any]) -> int | None:
        """Return the id of a token that begins or ends texts."""
        token = own.get(name)
        text = token.get("content") if isinstance(token, dict) else token
        if isinstance(text, str):
            found: int | None = self._special.token_to_id(text)
            return found
        number = None if name in own else model.get(f"{name}_id")
        if isinstance(number, list):
            number = next(iter(number), None)
        return number if isinstance(number, int) else None


class _Route(NamedTuple):
    """A tokenize route of vLLM and SGLang, or of llama.cpp, which can read all as plain text."""

    url: str
    is_llama: bool

    def body(self, model: str, text: str, *, special: bool, usual: bool) -> dict[str, Any]:
        """Return what is sent for a text."""
        if self.is_llama:
            return {"content": text, "add_special": usual, "parse_special": special}
        return {"model": model, "prompt": text, "add_special_tokens": usual}


class ServerTokens:
    """The routes of a server that make tokens and texts.

    Names of special tokens cannot be read off plain text there. Text that looks like one and
    comes back as a single token is sent in two parts, so that no row can put one in.

    Raises:
        ModelLoadError: if there is no such route, or it does not say what begins a text.
    """

    special_texts: Sequence[str] = ()

    def __init__(self, requests: Client, address: Address) -> None:
        self._requests = requests
        self._address = address
        self._whole: dict[str, bool] = {}
        self.window = 0
        self._route = self._find_route()
        self.bos, self.eos = self._ends()

    def encode(self, texts: Sequence[str], *, special: bool = False) -> list[list[int]]:
        """Return the token ids of each text, with nothing added."""
        if special or self._route.is_llama:
            return self._requests.all(lambda text: self._tokens(text, special=special), texts)
        cut = [self._without_special(text) for text in texts]
        parts = list(dict.fromkeys(part for own in cut for part in own))
        ids = dict(zip(parts, self._requests.all(self._tokens, parts), strict=True))
        return [[token for part in own for token in ids[part]] for own in cut]

    def encode_as_usual(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of each text, with what the tokenizer adds."""
        return self._requests.all(lambda text: self._tokens(text, usual=True), texts)

    def decode(self, sequences: Sequence[Sequence[int]]) -> list[str]:
        """Return the text of each sequence, special tokens included.

        Raises:
            ModelLoadError: if the server has no such route.
        """
        url = self._route.url.removesuffix("tokenize") + "detokenize"

        def one(ids: Sequence[int]) -> str:
            answer = self._requests.post(url, {"model": self._address.model, "tokens": list(ids)})
            found = answer if isinstance(answer, dict) else {}
            texts = [found.get(name) for name in ("prompt", "text", "content")]
            return next((text for text in texts if isinstance(text, str)), "")

        try:
            return self._requests.all(one, sequences)
        except RefusedError as error:
            raise ModelLoadError(f"POST {url}: {error}", hint=self._hint) from error

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Any],
        *,
        answering: bool = False,
    ) -> str:
        """Refuse: the format has to be at hand.

        Raises:
            ConfigError: always.
        """
        raise lacking_format(self._address)

    @property
    def _hint(self) -> str:
        return _name_one(self._address)

    def _find_route(self) -> _Route:
        refused: list[str] = []
        for base in dict.fromkeys((self._address.root, self._address.base)):
            for is_llama in (False, True):
                route = _Route(f"{base}/tokenize", is_llama)
                body = route.body(self._address.model, "a", special=False, usual=False)
                try:
                    answer = self._requests.ask(route.url, body)
                except RefusedError as error:
                    if error.denied:
                        raise
                    refused.append(str(error))
                    continue
                if _ids_of(answer):
                    self.window = whole_number(answer.get("max_model_len"))
                    return route
                refused.append(self._requests.reported(answer) or "no list of tokens")
        raise ModelLoadError(
            f"POST {self._address.root}/tokenize gives no tokens ({refused[0]})", hint=self._hint
        )

    def _tokens(self, text: str, *, special: bool = False, usual: bool = False) -> list[int]:
        body = self._route.body(self._address.model, text, special=special or usual, usual=usual)
        answer = self._requests.post(self._route.url, body)
        ids = _ids_of(answer)
        if ids is None:
            said = self._requests.reported(answer)
            raise ModelLoadError(
                f"POST {self._route.url} gives no list of tokens" + (f": {said}" if said else ""),
                hint=self._hint,
            )
        return ids

    def _without_special(self, text: str) -> list[str]:
        """Return a text in parts, cut inside every name of a special token."""
        parts = []
        start = 0
        for found in _LOOKS_SPECIAL.finditer(text):
            name = found[0]
            if name not in self._whole:
                self._whole[name] = len(self._tokens(name)) == 1
            if self._whole[name]:
                parts.append(text[start : found.start() + 1])
                start = found.start() + 1
        return [*parts, text[start:]]

    def _ends(self) -> tuple[int | None, int | None]:
        """Return the tokens that begin and end a text, of which one at least has to be known."""
        plain, usual = self._tokens("a"), self._tokens("a", usual=True)
        before = len(usual) - len(plain)
        added = before == 1 and usual[1:] == plain
        bos, eos = (self._named(name) for name in ("bos_token", "eos_token"))
        bos = usual[0] if added else bos
        if bos is None and eos is None:
            raise ModelLoadError(
                f"{self._address.base} does not say which token begins or ends a text",
                hint=self._hint,
            )
        return bos, eos

    def _named(self, name: str) -> int | None:
        """Return the token that the server's settings call by a name, where it shows them."""
        try:
            settings = self._requests.get(f"{self._address.root}/tokenizer_info")
        except (RefusedError, UnansweredError):
            return None
        token = settings.get(name) if isinstance(settings, dict) else None
        text = token.get("content") if isinstance(token, dict) else token
        ids = self._tokens(text, special=True) if isinstance(text, str) and text else []
        return ids[0] if len(ids) == 1 else None


def lacking_format(address: Address) -> ConfigError:
    """Return what is said where the chat format is wanted, and its tokenizer is not named."""
    return ConfigError(
        f"the chat format of {address.model} is on its server alone", hint=_name_one(address)
    )


def _name_one(address: Address) -> str:
    return _NAME_ONE.format(base=address.base, model=address.model)


def whole_number(value: Any) -> int:
    """Return a number of tokens that a server tells, 0 if it tells none that can be one."""
    return value if type(value) is int and 0 < value < MOST_TOKENS else 0


def _ids_of(answer: Any) -> list[int] | None:
    ids = answer.get("tokens") if isinstance(answer, dict) else None
    if isinstance(ids, list) and all(type(id_) is int and 0 <= id_ < MOST_TOKENS for id_ in ids):
        return ids
    return None
