"""What a row says to its judge changes no other row, whatever it is; and most of it is flagged."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.features.judgments import Judged, Judgments
from assay.project import Project
from assay.runtime import Runtime
from assay.samples import Flag
from tests.attack_rows import Attack, as_alpaca, attacks, honest
from tests.judge_servers import NAME, OLD_OLLAMA, serving_judge
from tests.obedient_judge import TOP, ObedientJudge

HONEST = honest(60)
Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rows, Rows]:
    """What a judge that obeys says of honest rows alone, and of all with the attacks among them."""
    found = []
    with serving_judge(ObedientJudge(OLD_OLLAMA)) as base:
        for rows in (HONEST, [*HONEST[:30], *attacks(), *HONEST[30:]]):
            folder = tmp_path_factory.mktemp("pool")
            found.append(_judged(folder, f"{base}#{NAME}@1", rows))
    return found[0], found[1]


def _judged(folder: Path, address: str, rows: list[Attack]) -> Rows:
    data = folder / "rows.json"
    data.write_text(json.dumps(as_alpaca(rows)))
    runtime = Runtime(cache=folder / "cache", workers=1, max_unscored=1.0)
    project = Project(folder / "project", data=data, runtime=runtime)
    feature = Judgments(judge=address, prompt="alpagasus", answers="text")
    value: Judged = project.engine.value(feature)
    runtime.models.let_go()
    frame = (
        value.frame()
        .drop("Coverage")
        .with_columns(pl.Series("reason", value.reason), pl.Series("flags", value.flags))
    )
    places = project.engine.pool.row.tolist()
    return {
        rows[place].kind + rows[place].instruction: row
        for place, row in zip(places, frame.iter_rows(named=True), strict=True)
    }


def test_no_attack_changes_the_number_the_reply_or_a_flag_of_another_row(
    judged: tuple[Rows, Rows],
) -> None:
    alone, among = judged

    assert len(alone) == len(HONEST)
    assert {name: among[name] for name in alone} == alone
    assert all(row["reason"] == 0 and row["flags"] == 0 for row in alone.values())


def test_every_row_is_judged_whatever_it_holds(judged: tuple[Rows, Rows]) -> None:
    # Half of a letter is no text, and its row was set aside when it was loaded.
    assert len(judged[1]) == len(HONEST) + len(attacks()) - 1
    assert {name for name, row in judged[1].items() if row["reason"]} == set()


def test_of_rows_that_get_the_highest_number_by_asking_for_it_most_are_flagged(
    judged: tuple[Rows, Rows],
) -> None:
    moved = {
        name: bool(row["flags"] & Flag.INJECTION_SUSPECT)
        for name, row in judged[1].items()
        if not name.startswith("honest") and row["accuracy"] == [TOP]
    }
    assert len(moved) > 60  # else the judge does not obey, and this proves nothing
    assert sum(moved.values()) / len(moved) > 0.4
