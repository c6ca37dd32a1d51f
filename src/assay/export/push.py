"""A folder becomes a dataset on the Hugging Face Hub, with a card that says how it was made."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assay.errors import DataError, UsageError
from assay.version import __version__

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_CATEGORIES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"),
               (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"))  # fmt: skip
_LICENCE = (
    "The rows keep the licence of the data they come from. This card states none: whoever "
    "publishes them has to."
)


def check_repository(name: str) -> None:
    """Refuse a name that no dataset on the Hub can have.

    Raises:
        UsageError: if it is not of the form ``org/name``.
    """
    if not _REPOSITORY.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a dataset on the Hub", hint="org/name")


def push_folder(folder: Path, repository: str, *, private: bool = True) -> str:
    """Upload a folder as one commit, and return the page of the dataset.

    ``HF_ENDPOINT`` and ``HF_TOKEN`` are read from the environment, else the saved login is used.
    A repository that exists keeps its visibility.

    Args:
        folder: what is uploaded.
        repository: ``org/name``; made if missing.
        private: whether a repository that is made is visible to its owner only.

    Raises:
        DataError: if the Hub refuses or cannot be reached, with the remedy.
    """
    from huggingface_hub import HfApi, constants  # noqa: PLC0415  slow to import, seldom needed

    endpoint = (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")
    api = HfApi(endpoint=endpoint, token=os.environ.get("HF_TOKEN") or None)
    with _explained(repository, endpoint):
        api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            repo_type="dataset",
            folder_path=folder,
            commit_message=f"Selection by Assay {__version__}",
        )
    return f"{endpoint}/datasets/{repository}"


def dataset_card(
    title: str,
    *,
    data_file: str,
    rows: int,
    languages: Sequence[str],
    facts: Sequence[tuple[str, str]],
    configuration: str,
) -> str:
    """Return the README.md of a dataset: what was chosen, from what, and how to make it again.

    Args:
        title: headline.
        data_file: name of the file with the rows.
        rows: how many it holds.
        languages: ISO 639-1 codes.
        facts: name and value of what is said in a table.
        configuration: YAML that makes the selection again.
    """
    codes = [code for code in languages if re.fullmatch("[a-z]{2,3}", code) and code != "und"]
    size = next((name for most, name in _CATEGORIES if rows < most), "n>10M")
    front = ["---", "configs:", "- config_name: default", "  data_files:", "  - split: train",
             f"    path: {data_file}", "size_categories:", f"- {size}", "tags:", "- assay",
             "- data-selection"]  # fmt: skip
    if codes:
        front += ["language:", *(f'- "{code}"' for code in codes)]
    table = ["| | |", "|--|--|", *(f"| {_cell(name)} | {_cell(value)} |" for name, value in facts)]
    return "\n".join(
        [
            *front, "---", "", f"# {_cell(title)}", "",
            "Rows that Assay chose from a larger dataset.", "",
            *table, "", _LICENCE, "", "## To make it again", "", "```yaml",
            configuration.strip(), "```", "",
        ]
    )  # fmt: skip


def _cell(text: str) -> str:
    """Return text as a cell of a Markdown table that shows it, and does nothing else."""
    line = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]<>|])", r"\\\1", line)


@contextmanager
def _explained(repository: str, endpoint: str) -> Iterator[None]:
    """Turn what the Hub's client raises into errors with a remedy, without any token in them."""
    import httpx2  # noqa: PLC0415
    from huggingface_hub import errors  # noqa: PLC0415

    try:
        yield
    except errors.LocalTokenNotFoundError as problem:
        raise DataError(
            "the Hub wants to know who you are", hint="set HF_TOKEN, or `hf auth login`"
        ) from problem
    except errors.OfflineModeIsEnabled as problem:
        raise DataError(
            f"{repository} was not pushed: HF_HUB_OFFLINE is set", hint="unset it"
        ) from problem
    except errors.HfHubHTTPError as problem:
        raise _refused(repository, problem) from problem
    except httpx2.HTTPError as problem:
        raise DataError(
            f"cannot reach the Hub at {endpoint}", hint="check the connection, and run it again"
        ) from problem


def _refused(repository: str, problem: Exception) -> DataError:
    status = getattr(getattr(problem, "response", None), "status_code", None)
    if status in (401, 403):
        return DataError(
            f"the Hub does not let this account write {repository}",
            hint="set HF_TOKEN to a token that may write there",
        )
    return DataError(f"the Hub answered {status} for {repository}", hint="try again later")


def shape_facts(described: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a card's table says of a selection, from what is known of it.

    Args:
        described: ``chosen``, ``pool``, ``tokens``, ``method_text``, ``budget``, ``shape`` and
            ``sources``, as a report has them.
    """
    chosen, pool = described["shape"]["chosen"], described["shape"]["pool"]
    middle, usual = (f"{of['median_characters']:,.0f}" for of in (chosen, pool))
    files = ", ".join(dict.fromkeys(source["file"] for source in described["sources"]))
    return [
        ("chosen by", described["method_text"]),
        ("budget", str(described["budget"] or "none")),
        ("rows", f"{described['chosen']:,} of {described['pool']['rows']:,}"),
        ("tokens", f"{described['tokens']:,}, an estimate unless the method names a tokenizer"),
        ("median answer", f"{middle} characters ({usual} in the pool)"),
        ("from", files),
        ("Assay", __version__),
    ]  # fmt: skip
