"""Files of judge records, made up for tests: every layout with its fields, and words of our own."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Record = dict[str, Any]


def write(folder: Path, records: Sequence[object], name: str = "records.json") -> Path:
    """Write records as a list, or as lines if the name says so."""
    path = folder / name
    lines = [json.dumps(record) for record in records]
    path.write_text("\n".join(lines) if name.endswith("l") else f"[{', '.join(lines)}]")
    return path


def review(question: str, scores: object, swapped: object) -> Record:
    """Return a record of both orders; every pair of scores is as it was shown."""
    return {
        "text": question, "Answer1": f"long answer to {question}", "Answer2": "short",
        "review": "8 9 ...", "scores": scores, "review_reverse": "", "scores_reverse": swapped,
    }  # fmt: skip


def evolved(number: int, first: Sequence[float], second: Sequence[float]) -> Record:
    """Return a record in which both lists have the candidate's score first."""
    return {
        "question_id": f"set_{number}", "question_text": f"question {number}",
        "assistant1_QUERY0": "ours", "assistant2_QUERY0": "theirs", "eval_QUERY0": list(first),
        "response_QUERY0": f"{first[0]} {first[1]}\nReasons.",
        "assistant1_QUERY1": "theirs", "assistant2_QUERY1": "ours", "eval_QUERY1": list(second),
        "response_QUERY1": f"{second[1]} {second[0]}\nReasons.",
    }  # fmt: skip


def compared(number: int, first: str, second: str, turn: int = 1) -> Record:
    """Return a comparison of two models in both orders."""
    prompt = (
        f"[User Question]\nquestion {number}\n\n[The Start of Assistant A's Answer]\nof a\n"
        "[The End of Assistant A's Answer]\n\n[The Start of Assistant B's Answer]\nof b\n"
        "[The End of Assistant B's Answer]"
    )
    return {
        "question_id": number, "model_1": "a", "model_2": "b", "g1_winner": first,
        "g2_winner": second, "g1_user_prompt": prompt, "turn": turn, "judge": ["j", "pair"],
    }  # fmt: skip


def rated(number: int, score: float, turn: int = 1, model: str = "a") -> Record:
    """Return a rating of one answer."""
    prompt = (
        f"[Instruction]\nRate.\n\n[Question]\nquestion {number}\n\n[The Start of Assistant's "
        f"Answer]\nanswer {number}\n[The End of Assistant's Answer]"
    )
    return {
        "question_id": number, "model": model, "judge": ["j", "single"], "judgment": "...",
        "user_prompt": prompt, "score": score, "turn": turn,
    }  # fmt: skip


def preferred(share: float, *, swapped: bool, other: float = 0.02) -> Record:
    """Return an annotation whose first token is m with a share of the labels' probability.

    The preference is stored as such files do: rounded, and turned where output 2 was shown first.
    """
    stored = 2 - share
    tokens = {"m": share * (1 - other), "M": (1 - share) * (1 - other), "The": other}
    logs = [{"token": name, "logprob": math.log(p) if p else -100.0} for name, p in tokens.items()]
    return {
        "instruction": f"question {share} {swapped}", "output_1": "one", "output_2": "two",
        "generator_1": "base", "generator_2": "new",
        "preference": round(3 - stored if swapped else stored, 10),
        "raw_completion": {"logprobs": {"content": [{"token": "m", "top_logprobs": logs}]}},
    }  # fmt: skip
