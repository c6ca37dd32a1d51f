"""What assay:lm makes of a next token while it writes is what it makes of it while it reads."""

import numpy as np

from assay.backends.embedded.copying_generation import CopyingRows
from assay.backends.embedded.embedded_lm import EmbeddedModel
from assay.components.rendering import COMMON
from assay.models.language_model import Questions
from assay.rendering.prompts import prompts
from tests.causal_rows import exchange, ordinary_rows

_TOLERANCE = 1e-4
_STEPS = 90  # beyond the places that are made at first


def test_rows_that_are_read_on_have_the_probabilities_of_rows_read_as_a_whole() -> None:
    model = EmbeddedModel(by="numpy")
    asked = prompts(model, COMMON, [exchange(row) for row in ordinary_rows(6)], 100)
    rows = [prompt.ids.tolist() for prompt in asked] + [[0]]
    batch = CopyingRows(model._arrays, [np.array(row, np.int32) for row in rows])
    random = np.random.Generator(np.random.Philox(3))

    for step in range(_STEPS):
        made = batch._probabilities()
        if step in (0, 1, 2, 5, 40, _STEPS - 1):
            likely = made.argmax(axis=-1)
            whole = [
                Questions([np.array([*row, token], np.int32)], [np.array([len(row)])])
                for row, token in zip(rows, likely.tolist(), strict=True)
            ]
            read = [model.read(each, lambda count: None).log_probs[0] for each in whole]
            own = made[np.arange(len(rows)), likely]
            np.testing.assert_allclose(own, np.exp(read), atol=_TOLERANCE)
            np.testing.assert_allclose(made.sum(axis=-1), 1, atol=_TOLERANCE)
        staying = np.arange(len(rows)) != (1 if step == 30 else -1)
        # Words that stood there before, and any other.
        chosen = made.argmax(axis=-1) if step % 3 else random.integers(1, made.shape[1], len(rows))
        rows = [row for row, stays in zip(rows, staying, strict=True) if stays]
        for row, token in zip(rows, chosen[staying].tolist(), strict=True):
            row.append(token)
        batch.go_on(chosen[staying], staying)
