"""The next token: the same in numpy and in torch, and as often as it is probable."""

import numpy as np
import pytest

from assay.backends.drawing import next_tokens
from assay.components.decoding import Decoding
from assay.samples import Float32Array, FloatArray

_HALVES = np.log(np.array([[0.5, 0.125, 0.25, 0.125]], np.float32))


def _drawn(decoding: Decoding, *uniforms: float) -> list[int]:
    logits = np.repeat(_HALVES, len(uniforms), axis=0)
    return next_tokens(logits, decoding, np.array(uniforms)).tolist()


def test_without_random_numbers_the_most_probable_token_is_taken_the_first_of_equals() -> None:
    logits = np.array([[0, 3, 3, 1], [5, 1, 1, 1]], np.float32)

    assert next_tokens(logits, Decoding(), None).tolist() == [1, 0]


def test_a_random_number_finds_the_token_in_whose_share_it_lies() -> None:
    decoding = Decoding(temperature=1)

    assert _drawn(decoding, 0.0, 0.49, 0.51, 0.63, 0.86, 0.89) == [0, 0, 1, 2, 2, 3]


def test_a_lower_temperature_leaves_less_to_what_is_less_probable() -> None:
    # Shares go as their squares: 16, 1, 4 and 1 of 22.
    assert _drawn(Decoding(temperature=0.5), 0.72, 0.74, 0.78, 0.99) == [0, 1, 2, 3]


def test_among_the_first_k_the_lower_of_equal_tokens_counts() -> None:
    assert set(_drawn(Decoding(temperature=1, top_k=3), *np.linspace(0, 0.999, 50))) == {0, 1, 2}
    assert set(_drawn(Decoding(temperature=1, top_k=2), *np.linspace(0, 0.999, 50))) == {0, 2}


def test_the_fewest_tokens_that_have_the_probability_are_drawn_from() -> None:
    assert set(_drawn(Decoding(temperature=1, top_p=0.5), 0.0, 0.999)) == {0}
    assert set(_drawn(Decoding(temperature=1, top_p=0.51), 0.0, 0.999)) == {0, 2}
    # Of what the first k leave, that is.
    assert set(_drawn(Decoding(temperature=1, top_k=2, top_p=0.66), 0.0, 0.999)) == {0}


def test_no_token_is_taken_where_logits_are_no_numbers() -> None:
    logits = np.array([[0, np.nan], [np.inf, 0], [1, 2]], np.float32)

    assert next_tokens(logits, Decoding(), None).tolist() == [-1, -1, 1]


def _many(seed: int) -> tuple[Float32Array, FloatArray]:
    random = np.random.Generator(np.random.Philox(seed))
    return random.normal(0, 3, (400, 300)).astype(np.float32), random.random(400)


@pytest.mark.parametrize(
    "decoding",
    [
        Decoding(),
        Decoding(temperature=1),
        Decoding(temperature=0.7, top_k=20),
        Decoding(temperature=1.5, top_p=0.8),
        Decoding(temperature=1.5, top_p=0.8, top_k=9),
    ],
    ids=str,
)
def test_torch_takes_the_same_tokens(decoding: Decoding) -> None:
    torch = pytest.importorskip("torch")
    causal_generation = pytest.importorskip("assay.backends.causal_generation")

    logits, random = _many(1)
    uniforms = None if decoding.is_greedy else random

    found = causal_generation.next_tokens(torch.from_numpy(logits), decoding, uniforms)

    assert found.tolist() == next_tokens(logits, decoding, uniforms).tolist()
