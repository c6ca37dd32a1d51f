import os

import pytest

from assay.cli.verbs.doctor import describe


def test_the_machine_and_what_may_be_used_of_it_are_both_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")

    described = describe()

    assert (described["cores"], described["usable_cores"]) == (64, 1)
