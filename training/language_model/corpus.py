"""The text that teaches the language model: pairs of a question and an answer, source by source.

`sources.json` has the licence of every source, and of every P3 task by itself, with the page that
states it. Only text whose licence lets a model made from it be passed on is used.
"""

import ast
import gzip
import hashlib
import json
import random
import re
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HELD_OUT = 20
"""One pair in so many, chosen by a hash of its question, is held out of all training."""

SHARE_OF_WIKI_HOP = 0.12
"""Of its rows; their prompts are by far the longest, and lists rather than text."""

LONGEST_FUNCTION = 1200
"""Characters of one function of the standard library."""

_PARTS_OF_SPEECH = {"noun": "noun", "verb": "verb", "adj": "adjective", "adv": "adverb"}
_SOURCES = Path(__file__).with_name("sources.json")


class Pair(NamedTuple):
    """A question and its answer."""

    question: str
    answer: str
    source: str
    original: str = ""
    """The answer as the source has it, where we changed it."""
    context: str = ""
    """What the question ends with, where the source tells it apart: a text to work on."""

    @property
    def instruction(self) -> str:
        """The question without its context."""
        return self.question.removesuffix(f"\n{self.context}") if self.context else self.question


def sources() -> dict[str, dict[str, dict[str, object]]]:
    """Return the table of licences: the P3 tasks by the beginning of their names, and the rest."""
    return json.loads(_SOURCES.read_text(encoding="utf-8"))


def is_held_out(pair: Pair) -> bool:
    """Tell whether a pair belongs to the part that no training step sees."""
    digest = hashlib.blake2b(pair.question.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % HELD_OUT == 0


def pairs(folder: Path) -> list[Pair]:
    """Return all pairs that may be used, in a fixed order.

    Args:
        folder: with the files that the README of this folder names.
    """
    found = [
        *_p3(folder), *_dolly(folder), *_gsm8k(folder), *_self_instruct(folder),
        *_wordnet(folder / "wordnet"), *_python(),
    ]  # fmt: skip
    return [pair for pair in found if pair.question and pair.answer]


def _lines(folder: Path, name: str) -> Iterator[dict[str, str]]:
    path = folder / name
    opened = open(path, encoding="utf-8") if path.exists() else None  # noqa: PTH123, SIM115
    with opened or gzip.open(path.with_name(name + ".gz"), "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _p3(folder: Path) -> Iterator[Pair]:
    tasks = sources()["p3"]
    names = sorted(tasks, key=len, reverse=True)
    chance = random.Random(1)
    for row in _lines(folder, "p3_t0_50k.jsonl"):
        task = next((name for name in names if row["template"].startswith(name)), None)
        if task is None or not tasks[task]["used"]:
            continue
        if task == "wiki_hop" and chance.random() > SHARE_OF_WIKI_HOP:
            continue
        yield Pair(row["prompt"].strip(), row["completion"].strip(), f"p3 {task}")


def _dolly(folder: Path) -> Iterator[Pair]:
    for row in _lines(folder, "databricks-dolly-15k.jsonl"):
        question = _joined(row["instruction"], row["context"])
        yield Pair(question, row["response"].strip(), "dolly", context=row["context"].strip())


def _gsm8k(folder: Path) -> Iterator[Pair]:
    for row in _lines(folder, "gsm8k_train.jsonl"):
        answer = re.sub(r"<<.*?>>", "", row["answer"]).replace("#### ", "The answer is ")
        yield Pair(row["question"].strip(), answer.strip(), "gsm8k", row["answer"])


def _self_instruct(folder: Path) -> Iterator[Pair]:
    for name, source in (
        ("self_instruct_seed_tasks_175.jsonl", "seed_tasks"),
        ("self_instruct_user_oriented_252.jsonl", "user_oriented"),
    ):
        for row in _lines(folder, name):
            instance: dict[str, str] = row["instances"][0]  # type: ignore[assignment]
            context = instance["input"].strip()
            question = _joined(row["instruction"], context)
            yield Pair(question, instance["output"].strip(), source, context=context)


def _wordnet(folder: Path) -> Iterator[Pair]:
    chance = random.Random(7)
    for part, spoken in _PARTS_OF_SPEECH.items():
        for line in (folder / f"data.{part}").read_text(encoding="latin-1").splitlines():
            if not line.startswith("  "):
                yield _entry(line, spoken, chance)


def _entry(line: str, part: str, chance: random.Random) -> Pair:
    """Return one set of synonyms as a question about its meaning, or for its words."""
    head, gloss = line.split(" | ", 1)
    fields = head.split()
    words = [
        re.sub(r"\(.*?\)", "", fields[4 + 2 * number]).replace("_", " ")
        for number in range(int(fields[3], 16))
    ]
    pieces = [piece.strip() for piece in gloss.split(";")]
    meaning = "; ".join(piece for piece in pieces if piece and not piece.startswith('"'))
    examples = [piece.strip('"') for piece in pieces if piece.startswith('"')]
    if chance.random() < 0.15:
        return Pair(f"Which {part} means: {meaning}?", ", ".join(words), "wordnet")
    word = words[0]
    asked = [
        f'What does "{word}" mean?', f"Define {word}.",
        f"What is the meaning of the {part} {word}?",
        f"Explain what {word} means.", *([f"What is {word}?"] * 2 if part == "noun" else []),
    ]  # fmt: skip
    answer = f"{meaning[:1].upper()}{meaning[1:]}." if meaning else ""
    if len(words) > 1 and chance.random() < 0.6:
        answer += f" Synonyms: {', '.join(words[1:])}."
    if examples and chance.random() < 0.6:
        answer += f" Example: {examples[0]}"
    return Pair(chance.choice(asked), answer.strip(), "wordnet")


def _python() -> Iterator[Pair]:
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.FunctionDef):
                continue
            meaning = ast.get_docstring(node)
            code = ast.get_source_segment(text, node) or ""
            if meaning and 100 < len(code) < LONGEST_FUNCTION:
                question = f"Write a Python function: {meaning.splitlines()[0]}"
                yield Pair(question, code, "python")


def _joined(*parts: str) -> str:
    return "\n".join(part.strip() for part in parts if part.strip())
