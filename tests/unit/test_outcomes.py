import numpy as np

from assay.outcomes import reason_counts


def test_reasons_are_counted_most_frequent_first_and_leave_out_the_chosen() -> None:
    reason = np.array([0, 65, 65, 1, 63, 0], np.uint8)

    assert list(reason_counts(reason).items()) == [
        ("NOT_CHOSEN", 2),
        ("EMPTY_RESPONSE", 1),
        ("HELD_OUT", 1),
    ]
