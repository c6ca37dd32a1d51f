"""The texts that teach the encoder, with the licence of each source, and the rows kept apart.

Only texts whose licence lets a model made from them be passed on are used. One row in ten of
Dolly, chosen by a hash of its text, is held out for `measure.py`.
"""

import ast
import hashlib
import json
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

LONGEST = 1200
"""Characters of one training text; the teacher reads no more than 256 word pieces."""

DOLLY_LONGEST = 450
"""The same for Dolly, the largest source, so that the teacher's pass stays short."""

SNIPPETS_PER_MODULE = 40
WORD_LISTS = 24_000
WORDS_PER_LIST = 6


@dataclass(frozen=True)
class Source:
    """Where training texts come from, and why they may be used."""

    name: str
    licence: str
    texts: list[str]


def is_held_out(text: str) -> bool:
    """Tell whether a row belongs to the tenth that no training step may see."""
    return hashlib.blake2b(text.encode(), digest_size=1).digest()[0] % 10 == 0


def read_json_lines(path: Path) -> list[dict[str, str]]:
    """Return the records of a JSON lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def joined(*parts: str) -> str:
    """Return the parts that are not empty, joined by line breaks."""
    return "\n".join(part for part in parts if part)


def chunks(text: str, size: int = 250) -> Iterator[str]:
    """Yield whole sentences of a text in pieces of about `size` characters."""
    piece = ""
    for sentence in re.split(r"(?<=[.!?\n])\s+", text):
        if piece and len(piece) + len(sentence) > size:
            yield piece[:DOLLY_LONGEST]
            piece = ""
        piece = f"{piece} {sentence}".strip()
    if piece:
        yield piece[:DOLLY_LONGEST]


def dolly_rows(data: Path, *, held_out: bool) -> list[dict[str, str]]:
    """Return the rows of Dolly on one side of the split."""
    rows = read_json_lines(data / "databricks-dolly-15k.jsonl")
    return [row for row in rows if is_held_out(row["instruction"]) == held_out]


def dolly_texts(data: Path) -> list[str]:
    """Return instructions, instructions with the start of their answer, starts of contexts."""
    texts: list[str] = []
    for row in dolly_rows(data, held_out=False):
        texts.append(row["instruction"][:DOLLY_LONGEST])
        texts.append(joined(row["instruction"], row["response"])[:DOLLY_LONGEST])
        texts.extend(islice(chunks(row["context"]), 2))
    return texts


def gsm8k_texts(data: Path) -> list[str]:
    """Return the questions of GSM8K's training part, every third with its answer."""
    rows = read_json_lines(data / "gsm8k_train.jsonl")
    return [
        joined(row["question"], row["answer"]) if index % 3 == 0 else row["question"]
        for index, row in enumerate(rows)
    ]


def seed_task_texts(data: Path) -> list[str]:
    """Return Self-Instruct's seed tasks, alone and with their instances."""
    path = data / "self_instruct_seed_tasks_175.jsonl"
    texts: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        task = json.loads(line)
        texts.append(task["instruction"])
        for instance in task["instances"]:
            texts.append(
                joined(task["instruction"], instance["input"], instance["output"])[:LONGEST]
            )
    return texts


def python_texts() -> list[str]:
    """Return functions and doc strings of the Python standard library's top modules."""
    texts: list[str] = []
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        source = path.read_text(encoding="utf-8")
        found: list[str] = []
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                continue
            documentation = ast.get_docstring(node)
            body = ast.get_source_segment(source, node) or ""
            if documentation and len(documentation) > 40:
                found.append(documentation[:LONGEST])
            if len(body) > 80:
                found.append(body[:600])
        texts.extend(found[:SNIPPETS_PER_MODULE])
    return texts


def word_lists(vocabulary: list[str], generator: np.random.Generator) -> list[str]:
    """Return lists of random words, so that rare words too are seen beside others."""
    words = [word for word in vocabulary if word.isalpha() and word.isascii() and len(word) > 2]
    picked = generator.integers(0, len(words), size=(WORD_LISTS, WORDS_PER_LIST))
    return [" ".join(words[index] for index in row) for row in picked]


def training_sources(data: Path, vocabulary: list[str], seed: int) -> list[Source]:
    """Return every training source in a fixed order, exact repeats left out."""
    made = word_lists(vocabulary, np.random.default_rng(seed))
    sources = [
        Source("Dolly 15k, nine rows in ten", "CC BY-SA 3.0", dolly_texts(data)),
        Source("GSM8K, training part", "MIT", gsm8k_texts(data)),
        Source("Self-Instruct, 175 seed tasks", "Apache-2.0", seed_task_texts(data)),
        Source("Python standard library", "PSF-2.0", python_texts()),
        Source("lists of random words (made by corpus.py)", "Apache-2.0", made),
    ]
    return _without_repeats(sources)


def _without_repeats(sources: list[Source]) -> list[Source]:
    seen: set[str] = {""}
    kept: list[Source] = []
    for source in sources:
        texts = [text for text in dict.fromkeys(source.texts) if text.strip() and text not in seen]
        seen.update(texts)
        kept.append(Source(source.name, source.licence, texts))
    return kept
