"""Text of options as values."""

import re

from assay.errors import UsageError


def parse_share(text: str, option: str) -> float:
    """Return a share from ``2%`` or ``0.02``.

    Raises:
        UsageError: if it is neither, or not between none and all.
    """
    found = re.fullmatch(r"\s*([^%]*?)\s*(%?)\s*", text)
    try:
        share = float(found[1]) / (100 if found[2] else 1) if found else float("nan")
    except ValueError:
        share = float("nan")
    if not 0 <= share <= 1:
        raise UsageError(f"{option} {text!r} is not a share", hint="write 2% or 0.02")
    return share


_SIZES = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9}


def parse_count(text: str, option: str) -> int:
    """Return a number of rows from ``10M``, ``250k`` or ``52,002``.

    Raises:
        UsageError: if it is none, or below 1.
    """
    found = re.fullmatch(r"\s*([\d,_]*\.?\d+)\s*([kKmMbB]?)\s*", text)
    count = 0.0
    if found is not None:
        count = float(re.sub("[,_]", "", found[1])) * _SIZES[found[2].lower()]
    if count < 1:
        raise UsageError(f"{option} {text!r} is not a number of rows", hint="10M, 250k or 52002")
    return round(count)


def parse_shard(text: str) -> tuple[int, int]:
    """Return which part of how many ``2/8`` means, counted from 0.

    Raises:
        UsageError: if it has another form.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise UsageError(
            f"--shard {text!r} is not of the form I/N", hint="1/4, 2/4, 3/4 and 4/4 are four parts"
        )
    return int(found[1]) - 1, int(found[2])


_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def parse_device(text: str) -> str:
    """Return the name of a device.

    Raises:
        UsageError: if there can be none of that name.
    """
    if not _DEVICE.fullmatch(text):
        raise UsageError(f"--device {text!r} is not known", hint="auto, cpu, cuda, cuda:0 or mps")
    return text
