"""``assay doctor``: what this machine and this installation can do."""

import os
from collections.abc import Iterator
from typing import Any

from assay.cli.app import KEEP, verb
from assay.cli.console import facts, table, terminal
from assay.cli.options.groups import Everywhere
from assay.components.extras import EXTRAS
from assay.wording import plain, size_text

_PACKAGES = (
    "numpy", "polars", "pydantic", "typer", "rich", "ruamel.yaml", "tokenizers", "safetensors",
    "huggingface_hub", "zstandard", "faiss-cpu", "py3langid", "torch", "transformers",
    "gguf", "sentence-transformers", "scikit-learn",
)  # fmt: skip
_VARIABLES = (
    "ASSAY_CACHE", "HF_TOKEN", "HF_HOME", "HF_ENDPOINT", "HF_HUB_OFFLINE", "OMP_NUM_THREADS",
    "POLARS_MAX_THREADS", "CUDA_VISIBLE_DEVICES", "NO_COLOR", "ASSAY_API_KEYS", "ASSAY_API_KEY",
    "ASSAY_API_KEY_HOST", "ASSAY_API_KEY_COMMAND",
)  # fmt: skip


@verb("doctor", panel=KEEP, examples=("assay doctor", "assay doctor --json"))
def doctor(everywhere: Everywhere) -> None:
    """Say what this machine and this installation can do, for help and for bug reports.

    Of environment variables it says whether they are set, never what they hold.
    """
    page = terminal()
    described = describe()
    if page.settings.as_json:
        page.document(described)
        return
    for part in _parts(described):
        page.result(part)


def describe() -> dict[str, Any]:
    """Return versions, machine, extras, cache and plugins."""
    import platform
    import sys
    from importlib.util import find_spec

    from assay.components.registry import components
    from assay.components.table import METHOD_KINDS, failed_plugins
    from assay.engine.planning import available_memory_bytes
    from assay.processors import machine_processors, usable_processors
    from assay.stores.cache import default_cache_folder
    from assay.stores.cache_size import cache_entries
    from assay.version import __version__

    cache = default_cache_folder()
    return {
        "assay": __version__,
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": machine_processors(),
        "usable_cores": usable_processors(),
        "memory_available_bytes": available_memory_bytes(),
        "blas": _blas(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "extras": {
            extra: {name: find_spec(name) is not None for name in names}
            for extra, names in EXTRAS.items()
        },
        "devices": _devices(),
        "variables_set": {name: name in os.environ for name in _VARIABLES},
        "cache": str(cache),
        "cache_bytes": sum(entry.size for entry in cache_entries(cache)),
        "methods": len({m.name for m in components() if m.kind in METHOD_KINDS}),
        "plugins": _plugins(),
        "failed_plugins": dict(failed_plugins()),
    }


def _version(name: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _plugins() -> list[str]:
    from importlib.metadata import entry_points

    return sorted(entry.name for entry in entry_points(group="assay.methods"))


def _devices() -> list[str] | str:
    """Return the devices that language models run on, or why there are none."""
    from assay.errors import ConfigError
    from assay.runtime import Runtime

    try:
        return list(Runtime().devices())
    except (ImportError, OSError, ConfigError) as error:  # a broken installation says so itself
        return str(error)


def _processor() -> str:
    from pathlib import Path

    table_ = Path("/proc/cpuinfo")
    if table_.exists():
        for line in table_.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    import platform

    return platform.processor()


def _blas() -> str:
    import numpy as np

    config: Any = np.show_config(mode="dicts")
    found = config.get("Build Dependencies", {}).get("blas", {})
    return f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()


def _parts(described: dict[str, Any]) -> Iterator[Any]:
    from rich.text import Text

    yield facts(
        [
            ("assay", described["assay"]),
            ("python", f"{described['python']} ({described['executable']})"),
            ("system", described["platform"]),
            ("processor", f"{described['processor']}, {described['cores']} cores"),
            ("threads", f"{described['usable_cores']}, the cores that may be used (--threads)"),
            ("memory", f"{size_text(described['memory_available_bytes'])} available"),
            ("BLAS", described["blas"]),
            ("devices", _devices_text(described)),
            ("cache", f"{described['cache']}, {size_text(described['cache_bytes'])}"),
            ("methods", described["methods"]),
            ("plugins", ", ".join(described["plugins"]) or "none"),
        ]
    )
    for name, reason in described["failed_plugins"].items():
        yield Text(plain(f"plugin {name} failed to load: {reason}"), style="yellow")
    yield Text()
    packages = [(name, version or "missing") for name, version in described["packages"].items()]
    yield table(["package", "version"], packages)
    yield Text()
    yield table(
        ["extra", "installed", "to install"],
        [
            (
                extra,
                _installed(names),
                "" if all(names.values()) else f"pip install 'assay[{extra}]'",
            )
            for extra, names in described["extras"].items()
        ],
    )
    yield Text()
    rows = [(name, "set" if there else "") for name, there in described["variables_set"].items()]
    yield table(["variable", ""], rows)


def _devices_text(described: dict[str, Any]) -> str:
    devices = described["devices"]
    if not described["extras"]["models"]["torch"]:
        return "the processor for assay:lm; for others the extra 'models' is not installed"
    return ", ".join(devices) if isinstance(devices, list) else f"none: {devices}"


def _installed(names: dict[str, bool]) -> str:
    if all(names.values()):
        return "yes"
    there = [name for name, found in names.items() if found]
    return f"only {', '.join(there)}" if there else "no"
