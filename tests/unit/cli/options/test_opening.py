import pytest

from assay.cli.options.groups import Everywhere, Working
from assay.cli.options.opening import runtime_of
from assay.processors import usable_processors


@pytest.fixture(autouse=True)
def _this_process_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assay.runtime.limit_threads", lambda count: None)


def test_threads_are_what_may_be_used_unless_the_options_say_otherwise() -> None:
    plain = runtime_of(Everywhere(), Working())
    few = runtime_of(Everywhere(), Working(threads=1))
    both = runtime_of(Everywhere(), Working(threads=1, workers=3))

    assert (plain.threads, plain.workers) == (usable_processors(), usable_processors())
    assert (few.threads, few.workers) == (1, 1)
    assert (both.threads, both.workers) == (1, 3)
