"""Writes constraints.txt: the exact version of everything that the README's commands install.

pip resolves them in an empty environment, so nothing that happens to be installed here counts.

Run: python -m scripts.make_constraints
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "constraints.txt"
WANTED = ("torch==2.13.0", f"{ROOT}[models,tune,local,dev]")
HEAD = """\
# Exact versions of what the README's two commands install; `pip install -c constraints.txt ...`.
# Written by `python -m scripts.make_constraints`.
"""


def resolved() -> dict[str, str]:
    """Return name and version of every distribution that pip would install."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        subprocess.run([sys.executable, "-m", "venv", f"{folder}/venv"], check=True)
        pip = [f"{folder}/venv/bin/python", "-m", "pip", "install", "--quiet", "--dry-run"]
        subprocess.run([*pip, "--report", str(report), *WANTED], check=True)
        content = json.loads(report.read_text())
    found = (item["metadata"] for item in content["install"])
    # A local version such as +cpu says which build was at hand, not which one is wanted.
    return {_canonical(item["name"]): item["version"].partition("+")[0] for item in found}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Write the file."""
    versions = resolved()
    versions.pop("assay", None)
    lines = [f"{name}=={version}\n" for name, version in sorted(versions.items())]
    TARGET.write_text(HEAD + "".join(lines))


if __name__ == "__main__":
    main()
