"""Datasets of the Hugging Face Hub: resolved to a commit, downloaded to its cache, checked."""

import glob
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from assay.errors import DataError, Parameter, Phrase
from assay.formats.hub_files import Layout, choose_files
from assay.formats.records import SourceSpec

if TYPE_CHECKING:
    from huggingface_hub import RepoFile

_CARD = "README.md"
_BLOCK_BYTES = 1 << 20


class HubFile(NamedTuple):
    """A downloaded data file; `path` lies in the Hub's cache and is not to be changed."""

    path: Path
    split: str
    config: str


@dataclass(frozen=True)
class HubSnapshot:
    """The data files of one configuration of a dataset at one commit.

    `name` is "org/name@commit", which finds the same bytes again; `notes` says what of the
    repository was not read.
    """

    name: str
    commit: str
    files: tuple[HubFile, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Repository:
    """A dataset on a Hub, with what every call to it needs."""

    name: str
    revision: str | None
    endpoint: str
    token: str | None
    cache: Path
    offline: bool

    @property
    def page(self) -> str:
        return f"{self.endpoint}/datasets/{self.name}"


def fetch(spec: SourceSpec, *, offline: bool = False) -> HubSnapshot:
    """Download the data files of ``org/name`` or ``org/name@revision``, and return where they lie.

    What is in the Hub's cache already is not downloaded again. ``HF_ENDPOINT``, ``HF_TOKEN``,
    ``HF_HUB_CACHE`` or ``HF_HOME``, and ``HF_HUB_OFFLINE`` are read from the environment at the
    time of the call.

    Args:
        spec: `location`, `revision`, `config` and `split` say what is wanted.
        offline: use the cache only.

    Raises:
        DataError: if the repository, revision, configuration, split or a readable file is not
            there, access is refused, the Hub cannot be reached, or a download arrives damaged; the
            hint is the remedy.
    """
    repository = _repository(spec, offline)
    with _explained(repository):
        commit = _resolve(repository)
        card_folder = _download(repository, commit, [_CARD, ".gitattributes"])
        listing = {file.path: file for file in _listing(repository, commit)}
    card = (card_folder / _CARD).read_text("utf-8", "replace") if _CARD in listing else ""
    layout = choose_files(card, listing, config=spec.config, split=spec.split, name=repository.name)
    with _explained(repository):
        folder = _download(repository, commit, [file.path for file in layout.files])
    for file in layout.files:
        _verify(folder / file.path, listing[file.path], repository)
    return _snapshot(repository, commit, folder, layout)


def _snapshot(repository: _Repository, commit: str, folder: Path, layout: Layout) -> HubSnapshot:
    files = [HubFile(folder / file.path, file.split, layout.config) for file in layout.files]
    return HubSnapshot(f"{repository.name}@{commit}", commit, tuple(files), tuple(layout.notes))


def _repository(spec: SourceSpec, offline: bool) -> _Repository:
    from huggingface_hub import constants  # noqa: PLC0415 - slow to import, seldom needed

    name, _, revision = spec.location.partition("@")
    environment = os.environ
    home = environment.get("HF_HOME")
    cache = environment.get("HF_HUB_CACHE") or (home and f"{home}/hub") or constants.HF_HUB_CACHE
    return _Repository(
        name,
        spec.revision or revision or None,
        (environment.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/"),
        environment.get("HF_TOKEN") or None,
        Path(cache).expanduser(),
        offline or environment.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"),
    )


def _resolve(repository: _Repository) -> str:
    from huggingface_hub import HfApi  # noqa: PLC0415

    api = HfApi(endpoint=repository.endpoint, token=repository.token)
    found = api.resolve_revision(
        repository.name,
        repo_type="dataset",
        revision=repository.revision,
        cache_dir=repository.cache,
        local_files_only=repository.offline,
    )
    return found.resolved


def _download(repository: _Repository, commit: str, paths: list[str]) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415

    return Path(
        snapshot_download(
            repository.name,
            repo_type="dataset",
            revision=commit,
            cache_dir=repository.cache,
            endpoint=repository.endpoint,
            token=repository.token,
            local_files_only=repository.offline,
            allow_patterns=[glob.escape(path) for path in paths],
            tqdm_class=_terminal_bar(),
        )
    )


def _terminal_bar() -> type[Any]:
    """Return a progress bar that shows itself on a terminal only."""
    from tqdm.std import tqdm  # type: ignore[import-untyped]  # noqa: PLC0415

    class TerminalBar(tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: object, **options: object) -> None:
            # None asks tqdm to look whether it writes to a terminal.
            super().__init__(*arguments, **{**options, "disable": options.get("disable") or None})

    return TerminalBar


def _listing(repository: _Repository, commit: str) -> list["RepoFile"]:
    from huggingface_hub import get_cached_repo_tree  # noqa: PLC0415

    return get_cached_repo_tree(
        repository.name, repo_type="dataset", revision=commit, cache_dir=repository.cache
    )


def _verify(path: Path, listed: "RepoFile", repository: _Repository) -> None:
    """Compare a downloaded file with the checksum that the Hub lists for it.

    Raises:
        DataError: if they differ; the file is taken out of the cache.
    """
    size = path.stat().st_size
    if listed.lfs is not None:
        expected, digest = listed.lfs.sha256, hashlib.sha256()
    else:
        # The name of a blob in git: sha-1 over its kind, its size and its content.
        expected, digest = listed.blob_id, hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
    if digest.hexdigest() != expected:
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise DataError(
            f"{listed.path} of {repository.name} arrived damaged: its checksum is not the Hub's",
            hint="it was removed from the cache; run the same line again to download it anew",
        )


@contextmanager
def _explained(repository: _Repository) -> Iterator[None]:
    """Turn what the Hub's client raises into errors with a remedy."""
    import httpx2  # noqa: PLC0415
    from huggingface_hub import errors  # noqa: PLC0415

    try:
        yield
    except errors.HFValidationError as problem:
        raise DataError(
            f"{repository.name!r} is no name of a dataset on the Hub",
            hint="it has the form org/name",
        ) from problem
    except errors.HfHubHTTPError as problem:
        raise _refused(repository, problem) from problem
    except (
        errors.RevisionResolutionError,
        errors.LocalEntryNotFoundError,
        errors.CachedRepoTreeNotFoundError,
        errors.OfflineModeIsEnabled,
    ) as problem:
        raise _unreachable(repository) from problem
    except httpx2.RemoteProtocolError as problem:
        raise _broken_off(repository, str(problem)) from problem
    except httpx2.HTTPError as problem:
        raise _unreachable(repository) from problem
    except OSError as problem:
        if "Consistency check failed" not in str(problem):
            raise
        raise _broken_off(repository, str(problem).partition("\n")[0]) from problem


def _broken_off(repository: _Repository, detail: str) -> DataError:
    return DataError(
        f"the download of {repository.name} broke off: {detail}",
        hint="run the same line again; what has arrived is kept",
    )


def _refused(repository: _Repository, problem: Exception) -> DataError:
    from huggingface_hub import errors  # noqa: PLC0415

    name, page = repository.name, repository.page
    if isinstance(problem, errors.GatedRepoError):
        return DataError(
            f"{name} is gated: its owner asks for terms to be accepted",
            hint=f"accept them at {page}, then set HF_TOKEN to a token of that account",
        )
    if isinstance(problem, errors.RepositoryNotFoundError):
        return DataError(
            f"{name} was not found on the Hub, or it is private",
            hint=f"check the spelling at {page}; for a private dataset set HF_TOKEN",
        )
    if isinstance(problem, errors.RevisionNotFoundError):
        return DataError(
            f"{name} has no revision {repository.revision!r}",
            hint=f"branches, tags and commits are listed at {page}/tree/main",
        )
    status = getattr(getattr(problem, "response", None), "status_code", None)
    if status in (401, 403):
        return DataError(
            f"the Hub refuses access to {name}", hint="check that HF_TOKEN is valid and may read it"
        )
    return DataError(
        f"the Hub answered {status} for {name}",
        hint="try again later, or download the files and name the local path",
    )


def _unreachable(repository: _Repository) -> DataError:
    if repository.offline:
        return DataError(
            f"{repository.name} is not complete in the cache ({repository.cache}), and Assay is "
            "offline",
            hint=Phrase("run once without {}, or name a local path", Parameter("offline")),
        )
    return DataError(
        f"cannot reach the Hub at {repository.endpoint} for {repository.name}",
        hint="check the connection, or download the files and name the local path",
    )
