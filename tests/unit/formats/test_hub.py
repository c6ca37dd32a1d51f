"""Datasets of the Hub, against a real server on this machine and with the real client."""

from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest

from assay.errors import DataError
from assay.formats.hub import HubSnapshot, fetch
from assay.formats.records import SourceSpec
from tests.unit.formats.hub_server import (
    COMMIT,
    OLDER_COMMIT,
    HubRepository,
    HubServer,
    hub_server,
)

ROWS = b'{"instruction": "a", "output": "b"}\n' * 50
OTHER_ROWS = b'{"instruction": "c", "output": "d"}\n'
CARD = b"""---
license: apache-2.0
configs:
- config_name: en
  data_files:
  - split: train
    path: en/train-*.jsonl
  - split: test
    path: ["en/held/*.jsonl"]
- config_name: de
  data_files: de/**/*.jsonl
---
# A dataset
"""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    repositories = {
        "org/plain": HubRepository(
            {"README.md": b"# none", "data.jsonl": ROWS}, {"data.jsonl": OTHER_ROWS}
        ),
        "org/configs": HubRepository(
            {
                "README.md": CARD,
                "en/train-1.jsonl": ROWS,
                "en/train-2.jsonl": OTHER_ROWS,
                "en/held/a.jsonl": OTHER_ROWS,
                "de/x/y/all.jsonl": OTHER_ROWS,
                "unused.jsonl": ROWS,
            }
        ),
        "org/private": HubRepository({"data.jsonl": ROWS}, access="private"),
        "org/gated": HubRepository({"data.jsonl": ROWS}, access="gated"),
        "org/pictures": HubRepository({"a.png": b"", "dataset_infos.json": b"{}"}),
        "org/packed": HubRepository({"data.parquet": ROWS}, lfs=frozenset({"data.parquet"})),
    }
    with hub_server(repositories) as server:
        for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
        yield server
        huggingface_hub.close_session()


def _contents(snapshot: HubSnapshot) -> dict[tuple[str, str], bytes]:
    return {(file.config, file.split): file.path.read_bytes() for file in snapshot.files}


def test_branch_is_resolved_to_its_commit_and_the_data_file_is_there(hub: HubServer) -> None:
    snapshot = fetch(SourceSpec("org/plain"))

    assert (snapshot.name, snapshot.commit) == (f"org/plain@{COMMIT}", COMMIT)
    assert _contents(snapshot) == {("default", "train"): ROWS}


@pytest.mark.parametrize(
    "spec",
    [
        SourceSpec("org/plain@v1"),
        SourceSpec("org/plain", revision="v1"),
        SourceSpec(f"org/plain@{OLDER_COMMIT}"),
    ],
)
def test_tag_or_commit_gives_the_files_of_that_time(hub: HubServer, spec: SourceSpec) -> None:
    snapshot = fetch(spec)

    assert snapshot.commit == OLDER_COMMIT
    assert _contents(snapshot) == {("default", "train"): OTHER_ROWS}


def test_second_fetch_downloads_nothing_again(
    hub: HubServer, capfd: pytest.CaptureFixture[str]
) -> None:
    fetch(SourceSpec("org/plain"))
    downloads = [path for path in hub.paths("GET") if "/resolve/" in path]

    fetch(SourceSpec("org/plain"))

    assert len(downloads) == 2
    assert [path for path in hub.paths("GET") if "/resolve/" in path] == downloads
    assert capfd.readouterr() == ("", "")


def test_configuration_and_split_of_the_card_choose_the_files(hub: HubServer) -> None:
    english = fetch(SourceSpec("org/configs", config="en"))
    held = fetch(SourceSpec("org/configs", config="en", split="test"))
    german = fetch(SourceSpec("org/configs", config="de"))

    assert [(file.path.name, file.split) for file in english.files] == [
        ("train-1.jsonl", "train"),
        ("train-2.jsonl", "train"),
        ("a.jsonl", "test"),
    ]
    assert [file.path.name for file in held.files] == ["a.jsonl"]
    assert [(file.path.name, file.config) for file in german.files] == [("all.jsonl", "de")]
    assert not any("unused" in path for path in hub.paths("GET"))


@pytest.mark.parametrize(
    ("spec", "message", "hint"),
    [
        (SourceSpec("org/configs"), "several configurations: en, de", "name one"),
        (SourceSpec("org/configs", config="fr"), "no configuration 'fr'", "en, de"),
        (SourceSpec("org/plain", config="fr"), "no configuration 'fr'", "default"),
        (SourceSpec("org/configs", config="en", split="dev"), "no split 'dev'", "train, test"),
        (SourceSpec("org/pictures"), "no file that Assay reads", "Parquet"),
        (SourceSpec("org/missing"), "not found on the Hub, or it is private", "HF_TOKEN"),
        (SourceSpec("org/private"), "not found on the Hub, or it is private", "HF_TOKEN"),
        (SourceSpec("org/gated"), "org/gated is gated", "/datasets/org/gated, then set HF_TOKEN"),
        (SourceSpec("org/plain@nope"), "no revision 'nope'", "/datasets/org/plain/tree"),
        (SourceSpec("org/a/b"), "no name of a dataset", "org/name"),
        (SourceSpec("org/sp ace"), "no name of a dataset", "org/name"),
    ],
)
def test_what_is_not_there_or_not_allowed_is_one_error_with_its_remedy(
    hub: HubServer, spec: SourceSpec, message: str, hint: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        fetch(spec)

    assert hint in str(caught.value.hint)


@pytest.mark.parametrize("name", ["org/private", "org/gated"])
def test_token_opens_private_and_gated_datasets(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", "good")

    assert _contents(fetch(SourceSpec(name))) == {("default", "train"): ROWS}


def test_wrong_token_is_not_in_the_error(hub: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret_of_mine")

    with pytest.raises(DataError) as caught:
        fetch(SourceSpec("org/private"))

    assert "secret" not in f"{caught.value.message} {caught.value.hint}"


def test_hub_that_does_not_answer_is_named_with_a_way_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HOME", str(tmp_path))

    with pytest.raises(DataError, match=r"cannot reach the Hub at http://127\.0\.0\.1:9") as caught:
        fetch(SourceSpec("org/plain"))

    assert "local path" in str(caught.value.hint)
    huggingface_hub.close_session()


@pytest.mark.parametrize("by_environment", [True, False])
def test_offline_reads_what_was_downloaded_and_asks_nobody(
    hub: HubServer, monkeypatch: pytest.MonkeyPatch, by_environment: bool
) -> None:
    online = fetch(SourceSpec("org/configs", config="en", split="train"))
    asked = len(hub.requests)
    if by_environment:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    spec = SourceSpec("org/configs", config="en", split="train")
    offline = fetch(spec, offline=not by_environment)

    assert offline == online
    assert len(hub.requests) == asked


@pytest.mark.parametrize("spec", [SourceSpec("org/plain"), SourceSpec("org/configs", config="en")])
def test_offline_never_gives_a_part_for_the_whole(hub: HubServer, spec: SourceSpec) -> None:
    fetch(SourceSpec("org/configs", config="en", split="train"))

    with pytest.raises(DataError, match="not complete in the cache") as caught:
        fetch(spec, offline=True)

    assert "without Runtime(offline=True)" in str(caught.value.hint)


def test_download_of_the_wrong_length_is_refused(hub: HubServer) -> None:
    hub.repositories["org/plain"].trouble["data.jsonl"] = "short"

    with pytest.raises(DataError, match="broke off") as caught:
        fetch(SourceSpec("org/plain"))

    assert "again" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("name", "path"), [("org/plain", "data.jsonl"), ("org/packed", "data.parquet")]
)
def test_damaged_download_is_refused_and_fetched_anew_the_next_time(
    hub: HubServer, name: str, path: str
) -> None:
    hub.repositories[name].trouble[path] = "damaged"
    with pytest.raises(DataError, match=f"{path} of {name} arrived damaged"):
        fetch(SourceSpec(name))
    hub.repositories[name].trouble.clear()

    assert _contents(fetch(SourceSpec(name))) == {("default", "train"): ROWS}


def test_download_that_breaks_off_once_is_completed(hub: HubServer) -> None:
    hub.repositories["org/plain"].trouble["data.jsonl"] = "interrupted"

    assert _contents(fetch(SourceSpec("org/plain"))) == {("default", "train"): ROWS}


def test_answer_that_is_no_hub_is_one_error(hub: HubServer) -> None:
    hub.broken = True

    with pytest.raises(DataError, match="org/plain"):
        fetch(SourceSpec("org/plain"))
