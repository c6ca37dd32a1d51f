"""Writing down a run that computes something."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from assay.workspace.run_log import Run, recorded_run

if TYPE_CHECKING:
    from assay.components.base import Component
    from assay.components.component import Scorer, Selector
    from assay.workspace.workspace import Workspace


@contextlib.contextmanager
def recorded(
    project: "Workspace", verb: str, words: Sequence[str], components: "Sequence[Component]" = ()
) -> Iterator[Run]:
    """Write down a run of a project: manifest and log; `words` followed the verb."""
    with recorded_run(project.folder, verb, [verb, *words]) as run:
        run.stages["load"] = project.load_seconds
        run.facts |= {
            "pool": project.pool.digest,
            "components": [
                {"label": item.label(), "key": project.engine.resolve(item).key}
                for item in components
            ],
        }
        yield run


def write_config(
    run: Run,
    project: "Workspace",
    *,
    scores: "Sequence[Scorer]" = (),
    selections: "Mapping[str, Selector] | None" = None,
    exports: Sequence[Mapping[str, Any]] = (),
    compare: Mapping[str, Any] | None = None,
) -> None:
    """Write the configuration that does a run again, by ``assay run``."""
    from assay.config.writing import write_run_config
    from assay.formats.records import SourceSpec

    write_run_config(
        run.folder / "config.yaml",
        sources=[SourceSpec(**spec) for spec in project.load_record.specs],
        scores=scores,
        selections=selections,
        exports=exports,
        compare=compare,
        hold_out=project.load_record.hold_out,
        project=project.folder,
        plugins=project.runtime.plugin_files,
    )
