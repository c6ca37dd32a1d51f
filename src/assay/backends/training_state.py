"""What a killed training left on disk, and whether it is sound enough to go on from."""

import logging
import shutil
from pathlib import Path

from assay.errors import DamagedError
from assay.files.checksums import first_difference, read_json, warn

STATE = "state"
WHOLE = "whole.json"
_SUMS = ".sums.json"
_log = logging.getLogger(__name__)


def newest_state(work: Path) -> Path | None:
    """Return the newest sound state of a killed run, None if there is none; remove broken ones."""
    if not _are_epochs_sound(work):
        return None
    found = {
        int(path.name.rpartition("-")[2]): path for path in (work / STATE).glob("checkpoint-*")
    }
    for step in sorted(found, reverse=True):
        if (found[step] / WHOLE).is_file() and _is_sound(found[step]):
            return found[step]
        shutil.rmtree(found[step])
    return None


def _is_sound(state: Path) -> bool:
    try:
        wrong = first_difference(state, read_json(state / WHOLE).get("files", {}))
    except DamagedError as error:
        warn(error, "the training goes on from an earlier state")
        return False
    if wrong:
        _log.warning(
            "%s of an interrupted training is damaged (%s): it goes on from an earlier state",
            state, wrong,
        )  # fmt: skip
    return not wrong


def _are_epochs_sound(work: Path) -> bool:
    """Return whether all weights that a killed run kept are sound; else remove what it left."""
    for path in sorted((work / STATE).glob(f"*{_SUMS}")):
        folder = work / path.name.removesuffix(_SUMS)
        try:
            wrong = first_difference(folder, read_json(path).get("files", {}))
        except DamagedError:
            wrong = path.name
        if wrong:
            _log.warning(
                "%s of an interrupted training is damaged (%s): it begins anew", folder, wrong
            )
            shutil.rmtree(work / STATE)
            for kept in (*work.glob("epoch-*"), *work.glob("step-*")):
                shutil.rmtree(kept)
            return False
    return True


def sums_of_kept(folder: Path) -> Path:
    """Return where the checksums of a folder that is kept lie until the training has ended."""
    return folder.parent / STATE / f"{folder.name}{_SUMS}"


def seconds_of(state: Path | None) -> float:
    """Return how long the training had taken by then."""
    return 0.0 if state is None else float(read_json(state / WHOLE)["seconds"])
