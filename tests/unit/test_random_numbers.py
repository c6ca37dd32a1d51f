import numpy as np
import pytest

from assay.random_numbers import philox, row_uniform, text_uniform


@pytest.mark.parametrize("counter", [0, 1, 7, 2**40 + 3, 2**64 - 2])
def test_philox_agrees_with_numpys_generator(counter: int) -> None:
    key = (0x0123456789ABCDEF, 0xFEDCBA9876543210)
    # numpy increases the counter before the first block, so that block belongs to counter + 1.
    oracle = np.random.Philox(key=np.array(key, np.uint64), counter=counter).random_raw(1)

    ours = philox(np.array([counter + 1], np.uint64), key)

    assert ours[0] == oracle


def test_a_rows_number_does_not_depend_on_its_neighbours() -> None:
    ids = np.array([5, 9, 2**63], np.uint64)

    together = row_uniform(ids, seed=3, purpose="random")
    alone = np.concatenate(
        [row_uniform(ids[i : i + 1], seed=3, purpose="random") for i in (2, 0, 1)]
    )

    assert together.tolist() == alone[[1, 2, 0]].tolist()


def test_seed_and_purpose_give_other_numbers() -> None:
    ids = np.arange(1000, dtype=np.uint64)
    base = row_uniform(ids, seed=0, purpose="random")

    assert abs(np.corrcoef(base, row_uniform(ids, seed=1, purpose="random"))[0, 1]) < 0.1
    assert abs(np.corrcoef(base, row_uniform(ids, seed=0, purpose="hold-out"))[0, 1]) < 0.1
    assert 0.45 < base.mean() < 0.55
    assert base.min() >= 0
    assert base.max() < 1


def test_the_numbers_of_a_text_are_its_own_and_more_of_them_begin_alike() -> None:
    texts = np.array([7, 2**63 + 5, 9], np.uint64)

    few = text_uniform(texts, np.array([5, 0, 3]), draw=1, purpose="words")
    many = text_uniform(texts[[2, 0]], np.array([4, 4000]), draw=1, purpose="words")

    assert few.tolist() == [*many[4:9], *many[:3]]
    numbers = many[4:]
    assert abs(numbers.mean() - 0.5) < 4 * np.sqrt(1 / 12 / 4000)
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.07
    count = np.array([4000])
    for other in (
        text_uniform(texts[:1], count, draw=2, purpose="words"),
        text_uniform(texts[:1], count, draw=1, purpose="letters"),
        text_uniform(texts[1:2], count, draw=1, purpose="words"),
    ):
        assert abs(np.corrcoef(numbers, other)[0, 1]) < 0.07
