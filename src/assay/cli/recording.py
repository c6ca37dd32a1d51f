"""Writing down a run that computes something."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from assay.run_log import Run, recorded_run

if TYPE_CHECKING:
    from assay.component import Component
    from assay.project import Project


@contextlib.contextmanager
def recorded(
    project: "Project", verb: str, words: Sequence[str], components: "Sequence[Component]" = ()
) -> Iterator[Run]:
    """Write down a run of a project: manifest, log, and the configuration that replays it."""
    with recorded_run(project.folder, verb, words) as run:
        run.stages["load"] = project.load_seconds
        run.facts |= {
            "pool": project.pool.digest,
            "components": [
                {"label": item.label(), "key": project.engine.resolve(item).key}
                for item in components
            ],
        }
        yield run
