"""A language model whose tokens are letters and whose numbers can be worked out by hand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from assay.errors import FeatureError
from assay.models.language_model import NOTHING_KEPT, Advance, Answers, Kept, Questions
from assay.runtime import Runtime

BOS, EOS, MARK = 1, 2, 3
SPECIAL = {"<s>": BOS, "</s>": EOS, "<mark>": MARK}
Format = Callable[[Sequence[Mapping[str, Any]], Sequence[Any]], str]


def log_prob(ids: Sequence[int], place: int) -> float:
    """Return what the model makes of one token: it depends on all before it."""
    return -(1 + sum(int(token) for token in ids[: place + 1]) % 89) / 8


def state(ids: Sequence[int], place: int) -> list[float]:
    """Return a hidden state: the token, its place, and the sum of all up to it."""
    return [float(ids[place]), float(place), float(sum(int(i) for i in ids[: place + 1]))]


def tagged(messages: Sequence[Mapping[str, Any]], tools: Sequence[Any]) -> str:
    """Return a conversation in a format that keeps all words: <mark>role:words</s> each."""
    head = "".join(f"<mark>tool:{tool['function']['name']}</s>" for tool in tools)
    return head + "".join(f"<mark>{m['role']}:{m['content']}</s>" for m in messages)


@dataclass
class Letters:
    """Every letter is a token of its own number; three special tokens.

    `seen` are the sequences that went through it, in order, equal ones each time.
    """

    window: int = 4096
    bos: int | None = BOS
    eos: int | None = EOS
    format: Format = tagged
    usual: tuple[int, ...] = ()
    factor: float = 1.0
    seen: list[list[int]] = field(default_factory=list)
    width: int = 3
    special_texts: Sequence[str] = tuple(SPECIAL)

    def width_at(self, layer: int) -> int:
        return self.width

    def encode(self, texts: Sequence[str], *, special: bool = False) -> list[list[int]]:
        return [self._ids(text, special) for text in texts]

    def _ids(self, text: str, special: bool) -> list[int]:
        ids = []
        while text:
            name = next((name for name in SPECIAL if special and text.startswith(name)), "")
            ids.append(SPECIAL[name] if name else ord(text[0]))
            text = text[len(name) or 1 :]
        return ids

    def encode_as_usual(self, texts: Sequence[str]) -> list[list[int]]:
        return [[*self.usual, *ids] for ids in self.encode(texts, special=True)]

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Any],
        *,
        answering: bool = False,
    ) -> str:
        return self.format(messages, tools) + ("<mark>assistant:" if answering else "")

    def pieces(self, ids: Sequence[int]) -> list[str]:
        return [chr(token) for token in ids]

    def producer(self) -> Mapping[str, str]:
        return {"letters": "1"}

    def read(self, questions: Questions, advance: Advance, kept: Kept = NOTHING_KEPT) -> Answers:
        """Return `log_prob` of every target, other numbers that follow from it, and the pools."""
        found = []
        sequences = questions.sequences
        for ids, places in zip(sequences, questions.targets, strict=True):
            self.seen.append(ids.tolist())
            found += [self.factor * log_prob(ids.tolist(), place) for place in places.tolist()]
            advance(len(ids))
        values = np.array(found, np.float32)
        pools = {
            name: np.array([self._pool(*each) for each in zip(sequences, own, strict=True)])
            for name, own in questions.pools.items()
        }
        ranks = np.round(1 - 8 * values)
        lead = np.array(-values / 2, np.float32)
        choices = {
            name: np.array(
                [
                    [
                        log_prob([*ids[:place], token], place) if place else np.nan
                        for token in tokens
                    ]
                    for ids, place in zip(sequences, places.tolist(), strict=True)
                ],
                np.float32,
            )
            for name, (tokens, places) in questions.choices.items()
        }
        return Answers(values, -values, np.exp(values), ranks, pools, lead=lead, choices=choices)

    def _pool(self, ids: Any, weights: Any) -> Any:
        if weights is None:
            return np.zeros(self.width, np.float32)
        states = np.array([state(ids.tolist(), place) for place in range(len(ids))], np.float32)
        return weights @ states


def refusing(messages: Sequence[Mapping[str, Any]], tools: Sequence[Any]) -> str:
    """Refuse every conversation."""
    raise FeatureError("roles must alternate")


def use(monkeypatch: pytest.MonkeyPatch, model: Any) -> None:
    """Hand out one model for every name."""
    monkeypatch.setattr(Runtime, "language_model", lambda self, pinned, dtype: model)
    monkeypatch.setattr(Runtime, "devices", lambda self: ("cpu",))
    plain = Runtime.pin

    def pin(self: Runtime, kind: str, text: str) -> str:
        if kind == "language_model":
            return text if "@" in text else f"{text}@0123456789ab"
        return plain(self, kind, text)

    monkeypatch.setattr(Runtime, "pin", pin)
