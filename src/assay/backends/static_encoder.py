"""The embedded static sentence encoder: one learned vector per word, added up.

Words outside the learned table count as hashed character n-grams in the same space, so that no
text in any script falls together with another for want of vocabulary. The model card,
``assets/encoder/CARD.md``, says what was measured.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file
from tokenizers import models

from assay.backends.text_segments import (
    is_unspaced,
    is_word,
    longest_matches,
    ngrams,
    without_accents,
    words,
)
from assay.errors import ModelLoadError
from assay.models.encoder import EncodedTexts
from assay.samples import Float32Array, FloatArray

WEIGHTS = "model.safetensors"
VOCABULARY = "vocabulary.txt"
SETTINGS = "encoder.json"

BLOCK_CHARACTERS = 500_000
"""Characters of the texts whose distinct tokens are held in memory together."""

DEFAULT_MAX_TOKENS = 8192


class StaticEncoder:
    """Turns texts into unit vectors by adding up one vector per token.

    A row depends on its own text alone: neither on the texts beside it nor on threads.
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        table: Float32Array,
        *,
        ngram_weight: float,
        digest: str,
        spelled: bool = False,
    ) -> None:
        self._numbers = {token: number for number, token in enumerate(vocabulary)}
        self._table = table
        self._ngram_weight = ngram_weight
        self._unknown = vocabulary[0]
        self._pieces = models.WordPiece(self._numbers, unk_token=self._unknown)
        self._digest = digest
        self._spelled = spelled

    @classmethod
    def from_assets(cls, *, spelled: bool = False) -> "StaticEncoder":
        """Return the encoder that the package carries; see `load` for `spelled`."""
        with as_file(files("assay") / "assets" / "encoder") as folder:
            return cls.load(folder, spelled=spelled)

    @classmethod
    def load(cls, path: Path, *, spelled: bool = False) -> "StaticEncoder":
        """Return the encoder of a folder that ``training/encoder/distil.py`` wrote.

        Args:
            path: the folder.
            spelled: take the words of scripts written with spaces by their n-grams alone: better
                for a pool whose texts are mostly not English, as the card shows.

        Raises:
            ModelLoadError: if a file is missing, broken or does not fit the others.
        """
        try:
            settings = json.loads((path / SETTINGS).read_text(encoding="utf-8"))
            vocabulary = (path / VOCABULARY).read_text(encoding="utf-8").split("\n")[:-1]
            table = _unpacked(load_file(path / WEIGHTS))
            ngram_weight = float(settings["ngram_weight"])
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise ModelLoadError(f"the encoder in {path} cannot be read: {error}") from error
        if len(table) != len(vocabulary):
            raise ModelLoadError(
                f"the encoder in {path} has {len(table)} vectors for {len(vocabulary)} tokens"
            )
        return cls(
            vocabulary,
            table,
            ngram_weight=ngram_weight,
            digest=assets_digest(path, spelled=spelled),
            spelled=spelled,
        )

    @property
    def dimension(self) -> int:
        """Return the length of a vector."""
        return self._table.shape[1]

    @property
    def digest(self) -> str:
        """Return the hexadecimal digest of the files that decide the vectors."""
        return self._digest

    def encode(self, texts: Sequence[str], *, max_tokens: int = DEFAULT_MAX_TOKENS) -> Float32Array:
        """Return one unit vector per text, shape (n, d) float32.

        The vector is the sum of the vectors of the text's first `max_tokens` tokens, in float32
        and in the order of the text, divided by its length. A text that is empty, white space or
        invisible marks has the zero vector.
        """
        return self.encode_and_flag(texts, max_tokens=max_tokens).vectors

    def encode_and_flag(
        self, texts: Sequence[str], *, max_tokens: int = DEFAULT_MAX_TOKENS
    ) -> EncodedTexts:
        """Return what `encode` returns, and which texts have more than `max_tokens` tokens."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        truncated = np.zeros(len(texts), dtype=np.bool_)
        for block in _blocks(texts):
            tokens = _BlockTokens(self.tokens)
            for position, text in zip(range(block.start, block.stop), texts[block], strict=True):
                truncated[position] = tokens.add(text, max_tokens)
            rows = self._rows_of(tokens.distinct)
            for position, numbers in zip(range(block.start, block.stop), tokens.texts, strict=True):
                np.add.reduce(rows.take(numbers, axis=0), axis=0, out=vectors[position])
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
        lengths[lengths == 0] = 1
        vectors /= lengths[:, None].astype(np.float32)
        return EncodedTexts(vectors, truncated)

    def coverage(self, texts: Sequence[str]) -> FloatArray:
        """Return the share of each text's letters that lie in words of the learned table.

        Shape (n,) float64, 0 to 1; NaN where a text holds no letters. Words that the table holds
        only in pieces do not count.
        """
        inside: dict[str, int] = {}
        shares = np.full(len(texts), np.nan)
        for position, text in enumerate(texts):
            letters = [word for word in words(text) if is_word(word)]
            for word in set(letters).difference(inside):
                inside[word] = self._letters_inside(word)
            if letters:
                shares[position] = sum(map(inside.__getitem__, letters)) / sum(map(len, letters))
        return shares

    def tokens(self, word: str) -> tuple[str, ...]:
        """Return the tokens of one word from `text_segments.words`.

        The word itself where the table holds it, with or without accents. Else the words found
        in it, if its script is written without spaces, or its word pieces, if it is Latin; and
        n-grams for what the table does not hold. A `spelled` encoder looks up only words of
        scripts written without spaces.
        """
        whole = self._whole(word)
        if whole is not None and not self._spelled:
            return (whole,)
        if is_unspaced(word):
            return tuple(
                token
                for part, known in longest_matches(word, self._numbers)
                for token in ((part,) if known else ngrams(part))
            )
        plain = without_accents(word)
        if plain.isascii() and plain.isalnum() and not self._spelled:
            pieces = tuple(piece.value for piece in self._pieces.tokenize(plain))
            if pieces != (self._unknown,):
                return pieces
        return tuple(ngrams(word))

    def _whole(self, word: str) -> str | None:
        for form in (word, without_accents(word)):
            if form in self._numbers:
                return form
        return None

    def _letters_inside(self, word: str) -> int:
        if is_unspaced(word):
            parts = longest_matches(word, self._numbers)
            return sum(len(part) for part, known in parts if known)
        return len(word) if self._whole(word) is not None else 0

    def _rows_of(self, tokens: Sequence[str]) -> Float32Array:
        """Return the vectors of tokens, shape (n, d) float32."""
        rows = np.empty((len(tokens), self.dimension), dtype=np.float32)
        learned = [place for place, token in enumerate(tokens) if token in self._numbers]
        rows[learned] = self._table[[self._numbers[tokens[place]] for place in learned]]
        hashed = [place for place, token in enumerate(tokens) if token not in self._numbers]
        if hashed:
            signs = hashed_signs([tokens[place] for place in hashed], self.dimension)
            rows[hashed] = signs * np.float32(self._ngram_weight / self.dimension**0.5)
        return rows


class _BlockTokens:
    """The texts of one block as numbers of the block's distinct tokens."""

    def __init__(self, tokens_of: Callable[[str], tuple[str, ...]]) -> None:
        self.distinct: list[str] = []
        self.texts: list[list[int]] = []
        self._tokens_of = tokens_of
        self._numbers: dict[str, int] = {}
        self._words: dict[str, tuple[int, ...]] = {}

    def add(self, text: str, limit: int) -> bool:
        """Take up a text and tell whether it was cut at `limit` tokens."""
        found = words(text)
        kept = found[:limit]
        known = self._words
        for word in set(kept).difference(known):
            known[word] = tuple(self._number(token) for token in self._tokens_of(word))
        numbers = [number for word in kept for number in known[word]]
        self.texts.append(numbers[:limit])
        return len(found) > limit or len(numbers) > limit

    def _number(self, token: str) -> int:
        number = self._numbers.setdefault(token, len(self.distinct))
        if number == len(self.distinct):
            self.distinct.append(token)
        return number


def hashed_signs(tokens: Sequence[str], dimension: int) -> Float32Array:
    """Return a fixed pattern of +1 and -1 for each token, shape (n, dimension) float32.

    The signs are the bits of BLAKE2b, so the cosine of two different tokens is near 0.
    """
    digests = b"".join(
        hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=dimension // 8).digest()
        for token in tokens
    )
    bits = np.unpackbits(np.frombuffer(digests, dtype=np.uint8)).reshape(len(tokens), dimension)
    return bits.astype(np.float32) * np.float32(2) - np.float32(1)


def _unpacked(tensors: Mapping[str, NDArray[Any]]) -> Float32Array:
    """Return the table of a weights file, shape (tokens, d): two numbers lie in each byte."""
    packed, scales = tensors["packed"], tensors["scales"].astype(np.float32)
    table = np.empty((len(packed), 2 * packed.shape[1]), dtype=np.float32)
    table[:, 0::2] = packed >> 4
    table[:, 1::2] = packed & 15
    table -= 8
    table *= scales
    return table


def assets_digest(folder: Path, *, spelled: bool = False) -> str:
    """Return the hexadecimal BLAKE2b digest of an encoder's files and of how it is used."""
    state = hashlib.blake2b(digest_size=16)
    for name in (WEIGHTS, VOCABULARY, SETTINGS):
        content = (folder / name).read_bytes()
        state.update(f"{name}:{len(content)}:".encode())
        state.update(content)
    if spelled:
        state.update(b"spelled")
    return state.hexdigest()


def _blocks(texts: Sequence[str]) -> Iterator[slice]:
    """Yield runs of texts of about `BLOCK_CHARACTERS` characters together."""
    start = characters = 0
    for position, text in enumerate(texts):
        if characters and characters + len(text) > BLOCK_CHARACTERS:
            yield slice(start, position)
            start, characters = position, 0
        characters += len(text)
    if start < len(texts):
        yield slice(start, len(texts))
