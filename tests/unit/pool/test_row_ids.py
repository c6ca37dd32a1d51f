import numpy as np

from assay.pool.row_ids import ids_that_begin, is_beginning, spelled_ids

_WORDS = ("0", "123456789abcdef", "123456789abcdf0", "123460000000000", "f" * 16)
_IDS = np.array([int(word, 16) for word in _WORDS], np.uint64)


def test_ids_are_spelled_with_leading_zeros() -> None:
    assert spelled_ids(_IDS).tolist() == [
        "0000000000000000", "0123456789abcdef", "0123456789abcdf0", "0123460000000000", "f" * 16
    ]  # fmt: skip
    assert spelled_ids(_IDS[:0]).shape == (0,)


def test_the_ids_that_begin_with_some_digits_are_found_at_both_ends() -> None:
    def found(text: str) -> list[str]:
        return spelled_ids(ids_that_begin(_IDS, text)).tolist()

    assert found("012345") == ["0123456789abcdef", "0123456789abcdf0"]
    assert found("0123456789abcdef") == ["0123456789abcdef"]
    assert found("000000") == ["0" * 16]
    assert found("ffffff") == ["f" * 16]
    assert found("f" * 16) == ["f" * 16]
    assert found("fffffffffffffffe") == []


def test_a_word_of_six_hex_digits_may_be_an_id() -> None:
    assert [is_beginning(text) for text in ("facade", "FACADE", "facad", "faced!", "0" * 17)] == [
        True, True, False, False, False
    ]  # fmt: skip
