"""Which files of a repository are its data: the dataset card first, else names."""

import pytest

from assay.errors import DataError
from assay.formats.hub_files import Layout, choose_files


def _choose(
    paths: list[str], card: str = "", *, config: str | None = None, split: str | None = None
) -> Layout:
    return choose_files(card, paths, config=config, split=split, name="org/name")


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["data.json"], [("data.json", "train")]),
        (
            ["train.jsonl", "valid.jsonl", "my-test.jsonl.gz"],
            [("my-test.jsonl.gz", "test"), ("train.jsonl", "train"), ("valid.jsonl", "validation")],
        ),
        (
            ["data/train_sft-00000-of-00002.parquet", "data/train_sft-00001-of-00002.parquet"],
            [
                ("data/train_sft-00000-of-00002.parquet", "train_sft"),
                ("data/train_sft-00001-of-00002.parquet", "train_sft"),
            ],
        ),
        (
            ["data/test-00000-of-00001-0fa1b2c3d4e5f607.parquet"],
            [("data/test-00000-of-00001-0fa1b2c3d4e5f607.parquet", "test")],
        ),
        (["dev/a.csv", "train/b.csv"], [("dev/a.csv", "validation"), ("train/b.csv", "train")]),
        (["latest.json", "contest.json"], [("contest.json", "train"), ("latest.json", "train")]),
        ([".hidden/x.json", "_x.json", "dataset_infos.json", "a.json"], [("a.json", "train")]),
    ],
)
def test_names_of_files_and_folders_give_the_splits(
    paths: list[str], expected: list[tuple[str, str]]
) -> None:
    layout = _choose(paths)

    assert [tuple(file) for file in layout.files] == expected
    assert layout.notes == []


def test_files_that_name_no_split_beside_others_are_noted() -> None:
    layout = _choose(["train.json", "notes.json"])

    assert [file.path for file in layout.files] == ["train.json"]
    assert "notes.json" in layout.notes[0]


def test_same_rows_in_two_containers_are_read_once() -> None:
    layout = _choose(["a.csv", "a.parquet"])

    assert [file.path for file in layout.files] == ["a.parquet"]
    assert "only the parquet files were read, not csv" in layout.notes[0]


@pytest.mark.parametrize(
    "declared",
    [
        "data_files: part/*.json",
        'data_files: ["part/*.json"]',
        "data_files: {train: part/*.json}",
        "data_files: [{split: train, path: part/*.json}]",
        "data_files: [{split: train, path: [part/a.json, part/b.json]}]",
        'data_files: "part/[ab].json"',
        "data_dir: part",
        'data_dir: part\n  data_files: "*.json"',
    ],
)
def test_every_form_of_data_files_is_understood(declared: str) -> None:
    card = f"---\nconfigs:\n- config_name: default\n  {declared}\n---\n"

    layout = _choose(["part/a.json", "part/b.json", "part/deep/c.csv", "other.json"], card)

    found = [tuple(file) for file in layout.files]
    assert found == [("part/a.json", "train"), ("part/b.json", "train")]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.json", ["a.json"]),
        ("**/*.json", ["a.json", "x/b.json", "x/y/c.json"]),
        ("x/?.json", ["x/b.json"]),
    ],
)
def test_one_star_stays_in_its_folder_and_two_do_not(pattern: str, expected: list[str]) -> None:
    card = f'---\nconfigs:\n- config_name: c\n  data_files: "{pattern}"\n---\n'

    layout = _choose(["a.json", "x/b.json", "x/y/c.json"], card)

    assert [file.path for file in layout.files] == expected


@pytest.mark.parametrize(
    ("second", "chosen"), [("b\n  default: true", "b"), ("default", "default")]
)
def test_default_configuration_is_taken_without_asking(second: str, chosen: str) -> None:
    card = (
        "---\nconfigs:\n- config_name: a\n  data_files: a.json\n"
        f"- config_name: {second}\n  data_files: b.json\n---\n"
    )

    layout = _choose(["a.json", "b.json"], card)

    assert (layout.config, [file.path for file in layout.files]) == (chosen, ["b.json"])


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("---\nconfigs: [\n---\n", "broken YAML"),
        ("---\nconfigs:\n- config_name: a\n  data_files: b.json\n---\n", "not there"),
    ],
)
def test_card_that_leads_nowhere_is_an_error(card: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        _choose(["a.json"], card)


@pytest.mark.parametrize(
    "card", ["", "# Title\n---\nconfigs: x\n---\n", "---\nlicense: mit\n---\n"]
)
def test_card_without_configs_leaves_it_to_the_names(card: str) -> None:
    assert [file.path for file in _choose(["a.json"], card).files] == ["a.json"]
