"""Small GGUF files with vocabularies of our own, and the texts that tokenizers are compared on.

Needs numpy and `gguf` alone, so that an environment with llama.cpp in it can make the same files.
"""

import hashlib
import random
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

TEXTS = 1000
MERGES = 900
BLANK = "\u2581"
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6
"""Types of tokens, as GGUF numbers them."""

_WORDS = """
the of and to in is that it for was on are as with his they at be this from have or by one
had not but what all were when we there can an your which their said if do will each about
how up out them Explain Describe Write Translate Summarise the following sentence paragraph
function instruction I'm you're she'll HE'D we've don't CAN'T It's o'clock rock'n'roll naïve
café Zürich Straße señor Übermut ÉCOLE İstanbul ǅ ŉ ﬁne Ωμέγα привет МИР שלום مرحبا नमस्ते
हिन्दी สวัสดี ภาษาไทย こんにちは カタカナ 안녕하세요 한국어 résumé re\u0301sume\u0301
camelCase snake_case SCREAMING_CASE HTTPServer 3.14159 1,234,567 2024-11-30 12:45 100% $99.95
v2.0.1 0xFF 1e-10
007 12345678901234567890 ½ ² ٣ 五十
"""
_CHINESE = """
写一个关于春天的句子。 你好,世界!
请用三句话说明:为什么天空是蓝色的?
2024年11月30日,星期六。
春眠不觉晓,处处闻啼鸟。 “引号”与《书名号》、顿号;冒号:…… 价格是¥1,280元(含税)。 人工智能AI模型GPT4o
"""
_CODE = (
    "def add(left, right):\n    return left + right\n",
    "for (int i = 0; i < 10; ++i) {\n\tsum += a[i] * 2;\n}\n",
    "<div class=\"row\"><a href='https://example.org/?q=1&r=2'>x</a></div>",
    "SELECT name, COUNT(*) FROM t WHERE id >= 100 GROUP BY name;",
    '    if x is None:\r\n        raise ValueError(f"{x!r} != {y:>8.3f}")\r\n',
    "$ git commit -m 'fix: #42' && make -j8 || exit 1",
    '{"key": [1, 22, 333, 4444], "null": null}',
    "x = ~(a ^ b) | c;  // comment\n\n\n/* block */",
)
_BETWEEN = (" ",) * 12 + (
    "", "", "  ", "   ", "\n", "\n\n", "\n\n\n",
    " \n", "\n ", "\t", "\t\t", "\r\n", "\r\n\r\n", " \n \n",
    "        ", ", ", ". ", "! ", "? ", "... ", " - ", " — ", "/", "//",
    "\u00a0", "\u3000", "\u200b",
    "!!!\n", ":\n\n", "``` \n", "🙂", " 👩‍👩‍👧 ",
    " ✓ ", "\ufeff", " <|im_start|> ", " </s> ", "~~", " $$ ", "\n\t\n",
)  # fmt: skip


@cache
def texts(count: int = TEXTS) -> tuple[str, ...]:
    """Return texts with words, digits, code, Chinese and blanks of all kinds; always the same."""
    chance = random.Random(20241130)
    words, phrases = _WORDS.split(), _CHINESE.split()

    def one_of(several: Sequence[str]) -> str:
        return several[int(chance.random() * len(several))]

    made = []
    for _ in range(count):
        parts = []
        for _ in range(1 + int(chance.random() * 24)):
            kind = chance.random()
            if kind < 0.12:
                parts.append(str(int(10 ** (chance.random() * 12))))
            else:
                several = words if kind < 0.72 else phrases if kind < 0.86 else _CODE
                parts.append(one_of(several))
            parts.append(one_of(_BETWEEN))
        made.append("".join(parts))
    return tuple(made)


class Vocabulary(NamedTuple):
    """Pieces by their ids, and what GGUF says of them."""

    tokens: list[str]
    types: list[int]
    merges: list[str]
    scores: list[float]


@cache
def byte_level() -> Vocabulary:
    """Return a byte-level vocabulary whose merges cross blanks, digits and lines.

    So a pre-tokenizer that cuts elsewhere gives other ids.
    """
    letters = byte_letters()
    data = [np.frombuffer(text.encode(), np.uint8).astype(np.int64) for text in texts(300)]
    tokens = [letters[byte] for byte in range(256)]
    merges = _merge(data, tokens)
    made = [*tokens, "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool>"]
    types = [NORMAL] * len(tokens) + [CONTROL] * 3 + [USER_DEFINED]
    return Vocabulary(made, types, merges, [])


@cache
def sentence_pieces() -> Vocabulary:
    """Return pieces of letters with blanks as marks, bytes for other letters, and scores."""
    known = sorted({letter for text in texts(100) for letter in text} - {" ", "\n", "\t", "\r"})
    letters = [BLANK, *known]
    number = {letter: place for place, letter in enumerate(letters)}
    data = [
        np.array([number[letter] for letter in text.replace(" ", BLANK) if letter in number])
        for text in texts(300)
    ]
    pieces = list(letters)
    _merge(data, pieces)
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    made = ["<unk>", "<s>", "</s>", *bytes_, *pieces[len(letters) :], *letters]
    types = [UNKNOWN, CONTROL, CONTROL] + [BYTE] * 256 + [NORMAL] * len(pieces)
    return Vocabulary(made, types, [], [0.0] * 259 + [-float(n) for n in range(len(pieces))])


def _merge(data: Sequence[NDArray[np.int64]], tokens: list[str]) -> list[str]:
    """Add the most frequent pairs of neighbours to some tokens, one by one; return the pairs."""
    ids = np.concatenate([part for each in data for part in (each, [-1])])
    number = {token: place for place, token in enumerate(tokens)}
    merges = []
    for _ in range(MERGES):
        left, right = ids[:-1], ids[1:]
        inside = (left >= 0) & (right >= 0)
        pairs, counts = np.unique((left * 65536 + right)[inside], return_counts=True)
        first, second = divmod(int(pairs[np.argmax(counts)]), 65536)
        merges.append(f"{tokens[first]} {tokens[second]}")
        joined = tokens[first] + tokens[second]
        if joined not in number:
            number[joined] = len(tokens)
            tokens.append(joined)
        places = np.flatnonzero((left == first) & (right == second))
        if first == second:  # of three in a row only the first two become one
            places = _apart(places)
        ids[places] = number[joined]
        ids = np.delete(ids, places + 1)
    return merges


def _apart(places: NDArray[np.int64]) -> NDArray[np.int64]:
    kept: list[int] = []
    for place in places.tolist():
        if not kept or place > kept[-1] + 1:
            kept.append(place)
    return np.array(kept, np.int64)


def byte_letters() -> list[str]:
    """Return the letter that stands for each byte where GPT-2 reads bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(rest)) for byte in range(256)]


def write_gguf(
    path: Path,
    vocabulary: Vocabulary,
    *,
    tokenizer: Mapping[str, Any],
    settings: Mapping[str, Any],
    tensors: Mapping[str, tuple[NDArray[Any], str]],
    architecture: str = "llama",
) -> Path:
    """Write a GGUF file.

    Args:
        path: where it goes.
        vocabulary: its pieces.
        tokenizer: the other keys under ``tokenizer.``, without that word.
        settings: keys under the architecture's name; with a dot in front, keys of any name.
        tensors: values and the name of the type they are written in, such as "Q8_0".
        architecture: its name.
    """
    import gguf  # noqa: PLC0415  where it is not installed, these tests are skipped

    writer = gguf.GGUFWriter(path, architecture)
    for name, value in settings.items():
        key = name[1:] if name.startswith(".") else f"{architecture}.{name}"
        _add(writer, key, value)
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_types(vocabulary.types)
    if vocabulary.merges:
        writer.add_token_merges(vocabulary.merges)
    if vocabulary.scores:
        writer.add_token_scores(vocabulary.scores)
    for name, value in tokenizer.items():
        _add(writer, f"tokenizer.{name}", value)
    for name, (values, kind) in tensors.items():
        form = gguf.GGMLQuantizationType[kind]
        writer.add_tensor(name, gguf.quants.quantize(values, form), raw_dtype=form)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add(writer: Any, key: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    else:
        writer.add_array(key, value)


WIDTH, INNER, LAYERS, HEADS, KEY_HEADS = 64, 128, 2, 4, 2
HEAD = {"llama": 16, "qwen2": 16, "qwen3": 128}
"""Width of a head by the architecture; that of Qwen3 is the one that its readers expect."""


def settings(architecture: str = "llama") -> dict[str, Any]:
    """Return the settings of a small model."""
    return {
        "context_length": 256,
        "embedding_length": WIDTH,
        "block_count": LAYERS,
        "feed_forward_length": INNER,
        "attention.head_count": HEADS,
        "attention.head_count_kv": KEY_HEADS,
        "attention.key_length": HEAD[architecture],
        "attention.value_length": HEAD[architecture],
        "attention.layer_norm_rms_epsilon": 1e-5,
        "rope.dimension_count": HEAD[architecture],
        "rope.freq_base": 10000.0,
    }


def weights(
    architecture: str = "llama", kind: str = "F32", *, size: int, seed: int = 0
) -> dict[str, Any]:
    """Return random weights of a small model with a vocabulary of `size`, as GGUF names them."""
    chance = np.random.default_rng(seed)
    head = HEAD[architecture]
    queries, keys = HEADS * head, KEY_HEADS * head

    def matrix(*shape: int) -> tuple[NDArray[np.float32], str]:
        return chance.normal(0, 0.2, shape).astype(np.float32), kind

    def vector(width: int, middle: float = 1.0) -> tuple[NDArray[np.float32], str]:
        return (middle + chance.normal(0, 0.1, width)).astype(np.float32), "F32"

    made = {"token_embd.weight": matrix(size, WIDTH)}
    for layer in range(LAYERS):
        parts = {
            "attn_norm.weight": vector(WIDTH),
            "attn_q.weight": matrix(queries, WIDTH),
            "attn_k.weight": matrix(keys, WIDTH),
            "attn_v.weight": matrix(keys, WIDTH),
            "attn_output.weight": matrix(WIDTH, queries),
            "ffn_norm.weight": vector(WIDTH),
            "ffn_gate.weight": matrix(INNER, WIDTH),
            "ffn_up.weight": matrix(INNER, WIDTH),
            "ffn_down.weight": matrix(WIDTH, INNER),
        }
        if architecture == "qwen2":
            parts |= {"attn_q.bias": vector(queries, 0), "attn_k.bias": vector(keys, 0)}
            parts |= {"attn_v.bias": vector(keys, 0)}
        if architecture == "qwen3":
            parts |= {"attn_q_norm.weight": vector(head), "attn_k_norm.weight": vector(head)}
        made |= {f"blk.{layer}.{name}": part for name, part in parts.items()}
    return made | {"output_norm.weight": vector(WIDTH)}


def byte_level_file(
    path: Path,
    pre: str = "gpt-2",
    *,
    architecture: str = "llama",
    kind: str = "F32",
    changes: Mapping[str, Any] = {},
    more: Mapping[str, Any] = {},
    tensors: Mapping[str, Any] = {},
) -> Path:
    """Write a small model that reads bytes, cut by the pre-tokenizer of that name.

    Args:
        path: where it goes.
        pre: the pre-tokenizer.
        architecture: one of "llama", "qwen2" and "qwen3".
        kind: type of the matrices.
        changes: other keys under ``tokenizer.``.
        more: other settings; with a dot in front, keys of any name.
        tensors: other tensors.
    """
    vocabulary = byte_level()
    ids = {token: place for place, token in enumerate(vocabulary.tokens)}
    tokenizer = {
        "ggml.model": "gpt2",
        "ggml.pre": pre,
        "ggml.bos_token_id": ids["<|endoftext|>"],
        "ggml.eos_token_id": ids["<|im_end|>"],
    }
    return write_gguf(
        path, vocabulary, tokenizer=tokenizer | dict(changes),
        settings=settings(architecture) | dict(more),
        tensors=weights(architecture, kind, size=len(vocabulary.tokens)) | dict(tensors),
        architecture=architecture,
    )  # fmt: skip


def sentence_piece_file(
    path: Path,
    *,
    kind: str = "F32",
    changes: Mapping[str, Any] = {},
) -> Path:
    """Write a small LLaMA that reads sentence pieces; its arguments are as above."""
    vocabulary = sentence_pieces()
    tokenizer = {
        "ggml.model": "llama",
        "ggml.bos_token_id": 1,
        "ggml.eos_token_id": 2,
        "ggml.unknown_token_id": 0,
    }
    return write_gguf(
        path, vocabulary, tokenizer=tokenizer | dict(changes), settings=settings(),
        tensors=weights("llama", kind, size=len(vocabulary.tokens)),
    )  # fmt: skip


STRETCH = np.array([1, 1, 1, 1.5, 2, 4, 8, 8], np.float32)
"""How much slower each of a head's rotations turns, as LLaMA 3.1 stores it."""
SCORED: Mapping[str, Mapping[str, Any]] = {
    "llama F32": {},
    "llama F16": {"kind": "F16"},
    "llama Q8_0": {"kind": "Q8_0"},
    "llama Q4_1": {"kind": "Q4_1"},
    "llama stretched": {"tensors": {"rope_freqs.weight": (STRETCH, "F32")}},
    "qwen2 F32": {"architecture": "qwen2"},
    "qwen3 F32": {"architecture": "qwen3"},
}
"""Files whose next tokens are compared with llama.cpp's, and how they are written."""
USUAL: Mapping[str, Mapping[str, Any]] = {
    "gpt2": {},
    "gpt2, BOS": {"ggml.add_bos_token": True},
    "gpt2, both": {"ggml.add_bos_token": True, "ggml.add_eos_token": True},
    "gpt2, llama-bpe": {"ggml.pre": "llama-bpe"},
    "llama": {},
    "llama, EOS": {"ggml.add_bos_token": False, "ggml.add_eos_token": True},
    "llama, no blank": {"ggml.add_space_prefix": False},
}
"""Tokenizers that add tokens to a text, by the kind and what the file says."""


def usual_file(folder: Path, name: str) -> Path:
    """Write the file of a tokenizer in `USUAL`."""
    write = byte_level_file if name.startswith("gpt2") else sentence_piece_file
    return write(folder / f"{name}.gguf", changes=USUAL[name])


def digests(ids: Sequence[Sequence[int]]) -> list[str]:
    """Return 8 hex digits for each fifty texts' token ids."""
    return [
        hashlib.blake2b(repr([list(map(int, each)) for each in ids[at : at + 50]]).encode(),
                        digest_size=4).hexdigest()
        for at in range(0, len(ids), 50)
    ]  # fmt: skip


def prompts() -> list[list[int]]:
    """Return the token ids that models are asked to go on with."""
    chance = random.Random(7)
    return [
        [int(chance.random() * 1000) for _ in range(length)]
        for length in (1, 2, 7, 11, 40, 41, 200, 201)
    ]
