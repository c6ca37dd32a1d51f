"""Small datasets on disk, each in a project of its own."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from assay.assessment.parts import whole
from assay.assessment.rows import Rows
from assay.project import Project
from assay.runtime import Runtime

Row = Mapping[str, str]


def row(instruction: str, response: str, category: str = "qa") -> Row:
    """Return a row in Dolly's layout."""
    return {"instruction": instruction, "context": "", "response": response, "category": category}


def english(count: int, *, about: str = "colours") -> list[Row]:
    """Return different English rows with answers of growing length."""
    return [
        row(
            f"Tell me fact number {place} about {about}", f"The fact {place} is: " + "well " * place
        )
        for place in range(1, count + 1)
    ]


def chinese(count: int) -> list[Row]:
    """Return different Chinese rows."""
    return [
        row(f"请写出第{n}个关于春天的句子。", f"春天来了,第{n}朵花开了。") for n in range(count)
    ]


def write(path: Path, rows: Sequence[Row]) -> Path:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in rows))
    return path


def runtime(folder: Path) -> Runtime:
    """Return a runtime with a cache of its own."""
    return Runtime(cache=folder / "cache", workers=1)


def project(path: Path, rows: Sequence[Row]) -> Project:
    """Return a project of some rows."""
    return Project(data=write(path, rows), runtime=runtime(path.parent))


def dataset(path: Path, rows: Sequence[Row]) -> Rows:
    """Return a project's rows as a dataset called after its file."""
    return whole(project(path, rows), path.stem, path.name)
