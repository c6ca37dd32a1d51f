"""A selection that becomes a dataset on the Hub: a server on this machine, and the real client."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.end_to_end.cli_helpers import assay, write_dolly
from tests.unit.formats.hub_server import HubRepository, HubServer, hub_server

_LINE = ("select", "data.jsonl", "longest_response", "--budget", "5")


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with hub_server({"me/there": HubRepository({"old.txt": b"kept"})}) as server:
        yield server


def _environment(hub: HubServer, folder: Path, token: str = "good") -> dict[str, str]:
    return {
        "HF_ENDPOINT": hub.endpoint, "HF_TOKEN": token, "HF_HOME": str(folder / "hub"),
        "HF_HUB_OFFLINE": "0",
    }  # fmt: skip


def test_the_rows_a_card_and_what_made_them_are_uploaded_and_can_be_loaded_again(
    hub: HubServer, tmp_path: Path
) -> None:
    write_dolly(tmp_path / "data.jsonl", 40)
    settings = _environment(hub, tmp_path)

    done = assay(tmp_path, *_LINE, "-o", "own.jsonl", "--push", "me/five", **settings)

    assert done.code == 0, done.err
    assert f"pushed: {hub.endpoint}/datasets/me/five" in " ".join(done.err.split())
    assert [asked["visibility"] for asked in hub.created] == ["private"]
    files = hub.repositories["me/five"].files
    assert sorted(files) == ["README.md", "assay.json", "train.jsonl"]
    assert files["train.jsonl"] == (tmp_path / "own.jsonl").read_bytes()
    assert json.loads(files["assay.json"])["chosen"] == 5
    assert str(tmp_path).encode() not in b"".join(files.values())
    back = assay(tmp_path, "load", "me/five", "-p", "back.assay", "--json", **settings)
    assert back.document["samples"] == 5


def test_the_card_says_what_was_chosen_and_how_to_make_it_again(
    hub: HubServer, tmp_path: Path
) -> None:
    write_dolly(tmp_path / "data.jsonl", 40)
    assay(tmp_path, *_LINE, "--push", "me/five", "--public", **_environment(hub, tmp_path))

    card = hub.repositories["me/five"].files["README.md"].decode()

    assert [asked["visibility"] for asked in hub.created] == ["public"]
    _, front, body = card.split("---\n", 2)
    said = YAML(typ="safe").load(front)
    assert said["configs"][0]["data_files"] == [{"split": "train", "path": "train.jsonl"}]
    assert said["size_categories"] == ["n<1K"]
    assert said["language"] == ["en"]
    assert "5 of 40" in body
    again = body.split("```yaml\n")[1].split("```")[0]
    (tmp_path / "again.yaml").write_text(
        again
        + "exports: [{selection: "
        + next(iter(YAML(typ="safe").load(again)["selections"]))
        + ", output: again.jsonl}]\n"
    )
    done = assay(tmp_path, "run", "again.yaml")
    assert done.code == 0, done.err
    assert (tmp_path / "again.jsonl").read_bytes() == hub.repositories["me/five"].files[
        "train.jsonl"
    ]


def test_a_dataset_that_exists_is_added_to(hub: HubServer, tmp_path: Path) -> None:
    write_dolly(tmp_path / "data.jsonl", 40)

    done = assay(tmp_path, *_LINE, "--push", "me/there", **_environment(hub, tmp_path))

    assert done.code == 0, done.err
    assert hub.created == []
    assert {"old.txt", "train.jsonl"} <= set(hub.repositories["me/there"].files)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--push", "five"), 2, "no name of a dataset"),
        (("--push", "me/five", "--offline"), 2, "exclude each other"),
        (("--public",), 2, "--public is for --push"),
        (("--push", "me/five", "--seeds", "2"), 2, "--push is for one selection"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(
    hub: HubServer, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    write_dolly(tmp_path / "data.jsonl", 40)

    done = assay(tmp_path, *_LINE, *words, **_environment(hub, tmp_path))

    assert (done.code, said in " ".join(done.err.split())) == (code, True), done.err
    assert hub.requests == []


def test_an_account_that_may_not_write_is_told_so_without_its_token(
    hub: HubServer, tmp_path: Path
) -> None:
    write_dolly(tmp_path / "data.jsonl", 40)

    done = assay(
        tmp_path, *_LINE, "--push", "me/five", **_environment(hub, tmp_path, "hf_secret_of_mine")
    )

    assert done.code != 0
    assert "does not let this account write me/five" in " ".join(done.err.split())
    assert "secret" not in done.err + done.out


def test_a_hub_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_dolly(tmp_path / "data.jsonl", 40)
    settings = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_TOKEN": "good", "HF_HUB_OFFLINE": "0"}

    done = assay(tmp_path, *_LINE, "--push", "me/five", **settings)

    assert "cannot reach the Hub at http://127.0.0.1:9" in " ".join(done.err.split())
