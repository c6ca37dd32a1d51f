"""Text of options as values, and how a project is opened again."""

import json
from pathlib import Path

import pytest

from assay.cli.options.arguments import project_arguments
from assay.cli.options.grammar import Source
from assay.cli.options.groups import Loading
from assay.errors import DataError
from assay.project import Project


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"instruction": f"ask {i}", "input": "", "output": f"answer {i}"} for i in range(20)]
    (tmp_path / "data.json").write_text(json.dumps(rows))


def test_rows_held_out_once_stay_held_out() -> None:
    folder, arguments = project_arguments([Source("data.json")], None, Loading(hold_out="50%"))
    Project(folder, **arguments)

    again, arguments = project_arguments([Source("data.json")], None, Loading())

    assert again == folder
    assert arguments["hold_out"] == 0.5


def test_other_data_in_the_same_project_is_refused() -> None:
    folder, arguments = project_arguments([Source("data.json")], None, Loading(hold_out="50%"))
    Project(folder, **arguments)
    Path("other.json").write_text(Path("data.json").read_text())

    with pytest.raises(DataError, match=r"data\.assay holds a project of .*data\.json, and not of"):
        project_arguments([Source("other.json")], folder, Loading())


def test_a_mapping_stays_until_another_is_given() -> None:
    reading = Loading(mapping=["instruction={instruction}!", "response={output}"])
    folder, arguments = project_arguments([Source("data.json")], None, reading)
    Project(folder, **arguments)

    _, arguments = project_arguments([Source("data.json")], None, Loading())

    assert arguments["data"][0].mapping == {
        "instruction": "{instruction}!",
        "response": "{output}",
    }


def test_the_only_project_here_needs_no_name() -> None:
    folder, arguments = project_arguments([Source("data.json")], None, Loading())
    Project(folder, **arguments)

    found, _ = project_arguments([], None, Loading())

    assert found.resolve() == folder.resolve()


def test_a_project_folder_is_a_source() -> None:
    folder, arguments = project_arguments([Source("data.json")], None, Loading())
    Project(folder, **arguments)

    found, arguments = project_arguments([Source("data.assay")], None, Loading())

    assert found == Path("data.assay")
    assert [spec.location for spec in arguments["data"]] == [str(Path("data.json").absolute())]


def test_no_data_and_no_project_is_said() -> None:
    with pytest.raises(DataError, match="no data is named"):
        project_arguments([], None, Loading())


def test_a_project_opens_from_another_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    folder, arguments = project_arguments([Source("data.json")], None, Loading())
    Project(folder, **arguments)
    place = folder.absolute()
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")

    found, arguments = project_arguments([], place, Loading())

    assert len(Project(found, **arguments)) == 20
