"""Classifiers of transformers alone, a row at a time: a plain loop that says what is right."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.backends.pins import folder_digest
from assay.models.classifier import Classifier
from assay.samples import FloatArray
from tests.causal_rows import open_runtime, set_budget
from tests.tiny_models import CLASSIFIER, transformers


@dataclass
class PlainClassifier:
    """A tokenizer and a model as `from_pretrained` gives them, in float32."""

    tokenizer: Any
    model: Any

    @classmethod
    def open(cls, folder: Path) -> "PlainClassifier":
        """Open the model in a folder."""
        torch = pytest.importorskip("torch")
        opener = getattr(transformers(), CLASSIFIER)
        model = opener.from_pretrained(folder, dtype=torch.float32).eval()
        return cls(transformers().AutoTokenizer.from_pretrained(folder), model)

    def of(self, *texts: str, **cut: Any) -> FloatArray:
        """Return the numbers of a text or a pair. Shape (labels,)."""
        return self._run(self.tokenizer(*texts, return_tensors="pt", **cut))

    def of_ids(self, *ids: int) -> FloatArray:
        """Return the numbers of some tokens as they are. Shape (labels,)."""
        torch = pytest.importorskip("torch")
        return self._run({"input_ids": torch.tensor([ids])})

    def of_chat(self, messages: list[dict[str, str]]) -> FloatArray:
        """Return the numbers of a conversation in the model's format. Shape (labels,)."""
        found = self.tokenizer.apply_chat_template(messages, return_tensors="pt", return_dict=True)
        return self._run({"input_ids": found["input_ids"]})

    def _run(self, given: Mapping[str, Any]) -> FloatArray:
        torch = pytest.importorskip("torch")
        with torch.no_grad():
            return np.asarray(self.model(**given).logits[0].double())


def open_classifier(folder: Path, cache: Path, *, tokens: int = 2048) -> Classifier:
    """Return the classifier of a folder as passes hold it, its batches of some tokens."""
    runtime = open_runtime(cache)
    set_budget(runtime, folder, tokens)
    return runtime.classifier(f"{folder}@{folder_digest(folder)}", "float32")
