"""What a comparison leaves where it was asked to."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from assay.reports.comparison.outcome import carry_out
from assay.stores.written import is_as_written
from tests.unit.compare.synthetic import synthetic


def test_the_report_of_an_interrupted_comparison_is_known_as_assays_own(tmp_path: Path) -> None:
    def stop(tell: object) -> None:
        raise KeyboardInterrupt

    report, cache = tmp_path / "page.html", tmp_path / "cache"
    runner: Any = SimpleNamespace(
        run=stop,
        has_trials=lambda: True,
        write=lambda: synthetic(questions=5, seeds=1),
        project=SimpleNamespace(runtime=SimpleNamespace(cache=cache)),
    )

    with pytest.raises(KeyboardInterrupt):
        carry_out(runner, rebuild="assay compare", report=report)

    assert is_as_written(cache, report)
    report.write_text("edited")
    assert not is_as_written(cache, report)
