"""Text of options as values, and how a project is opened again."""

import json
from pathlib import Path

import pytest

from assay.cli.app import Reading
from assay.cli.options.arguments import command_line, parse_shard, parse_share, project_arguments
from assay.cli.options.grammar import Source
from assay.errors import DataError, UsageError
from assay.project import Project


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"instruction": f"ask {i}", "input": "", "output": f"answer {i}"} for i in range(20)]
    (tmp_path / "data.json").write_text(json.dumps(rows))


@pytest.mark.parametrize(("text", "share"), [("2%", 0.02), ("0.5", 0.5), ("0", 0.0), ("100%", 1.0)])
def test_a_share_is_read(text: str, share: float) -> None:
    assert parse_share(text, "--hold-out") == pytest.approx(share)


@pytest.mark.parametrize("text", ["2", "101%", "-1%", "some", "%", "nan"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a share"):
        parse_share(text, "--hold-out")


def test_shards_are_counted_from_one() -> None:
    assert parse_shard("1/4") == (0, 4)
    assert parse_shard("4/4") == (3, 4)


@pytest.mark.parametrize("text", ["0/4", "5/4", "4", "a/b"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="of the form I/N"):
        parse_shard(text)


def test_a_command_line_can_be_pasted_into_a_shell() -> None:
    assert command_line(["select", "my data.json"]) == "assay select 'my data.json'"


def test_rows_held_out_once_stay_held_out() -> None:
    folder, arguments = project_arguments([Source("data.json")], None, Reading(hold_out="50%"))
    Project(folder, **arguments)

    again, arguments = project_arguments([Source("data.json")], None, Reading())

    assert again == folder
    assert arguments["hold_out"] == 0.5


def test_other_data_in_the_same_project_starts_anew() -> None:
    folder, arguments = project_arguments([Source("data.json")], None, Reading(hold_out="50%"))
    Project(folder, **arguments)
    Path("other.json").write_text(Path("data.json").read_text())

    _, arguments = project_arguments([Source("other.json")], folder, Reading())

    assert arguments["hold_out"] == 0.0


def test_a_mapping_stays_until_another_is_given() -> None:
    reading = Reading(mapping=["instruction={instruction}!", "response={output}"])
    folder, arguments = project_arguments([Source("data.json")], None, reading)
    Project(folder, **arguments)

    _, arguments = project_arguments([Source("data.json")], None, Reading())

    assert arguments["data"][0].mapping == {
        "instruction": "{instruction}!",
        "response": "{output}",
    }


def test_the_only_project_here_needs_no_name() -> None:
    folder, arguments = project_arguments([Source("data.json")], None, Reading())
    Project(folder, **arguments)

    found, _ = project_arguments([], None, Reading())

    assert found.resolve() == folder.resolve()


def test_a_project_folder_is_a_source() -> None:
    folder, arguments = project_arguments([Source("data.json")], None, Reading())
    Project(folder, **arguments)

    found, arguments = project_arguments([Source("data.assay")], None, Reading())

    assert found == Path("data.assay")
    assert [spec.location for spec in arguments["data"]] == [str(Path("data.json").absolute())]


def test_no_data_and_no_project_is_said() -> None:
    with pytest.raises(DataError, match="no data is named"):
        project_arguments([], None, Reading())


def test_a_project_opens_from_another_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    folder, arguments = project_arguments([Source("data.json")], None, Reading())
    Project(folder, **arguments)
    place = folder.absolute()
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")

    found, arguments = project_arguments([], place, Reading())

    assert len(Project(found, **arguments)) == 20
