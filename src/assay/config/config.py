"""Configuration files: what to load, score, select and export, in one page of YAML."""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.components.base import Component
from assay.components.component import Scorer, Selector
from assay.components.descriptions import describe
from assay.components.registry import load_file
from assay.components.table import project_names
from assay.config.build import build_all
from assay.config.comparison import ComparisonConfig, build_comparison
from assay.config.document import Document, read_yaml
from assay.config.sections import Sections, parse_sections
from assay.config.spelling import in_yaml
from assay.echo import Brief
from assay.errors import AssayError, ConfigError, did_you_mean
from assay.formats.places import is_hub_name
from assay.formats.records import SourceSpec
from assay.runtime import Runtime

if TYPE_CHECKING:
    from assay.compare.runner import Step
    from assay.compare.study import Study
    from assay.export.original import ExportReport
    from assay.export.trainers import LayoutReport
    from assay.outcomes import ScoreTable
    from assay.project import Project
    from assay.reports.comparison.outcome import Outcome
    from assay.workspace.named_selection import NamedSelection

__all__ = ["Config", "Export", "RunResult", "describe", "load_config"]


@dataclass(frozen=True)
class Export:
    """A file that is made of a selection; `layout` is None for the data's own."""

    selection: str
    output: Path
    layout: str | None = None
    sidecar: bool = True


@dataclass(frozen=True, repr=False)
class Exported(Brief):
    """A file that was made: what was asked for, of which selection, and what it holds."""

    export: Export
    chosen: "NamedSelection"
    report: "ExportReport | LayoutReport"


@dataclass(frozen=True, repr=False)
class RunResult(Brief):
    """What a run made, by the names of the configuration."""

    project: "Project"
    scores: Mapping[str, "ScoreTable"]
    selections: Mapping[str, "Sequence[NamedSelection]"]
    exports: Sequence[Exported]
    comparison: "Outcome | None" = None


@dataclass(frozen=True, repr=False)
class Config(Brief):
    """A configuration, checked and built.

    Attributes:
        file: where it was read from.
        project: project folder; None for the one beside the data.
        sources: the data.
        hold_out: share of rows that selections are made without.
        max_set_aside: share of records that may be unusable.
        scores: by name.
        selections: by name; several where seeds are asked for.
        exports: files to write, in order.
        plugins: Python files whose methods it uses.
        max_unscored: share of rows that may fail; None leaves it to the runtime.
        threads: processors to use at once; None leaves it to the runtime.
        workers: processes; None leaves it to the runtime.
        device: where language models run; None leaves it to the runtime.
        max_cost: most that judges may cost, such as "5 USD"; None leaves it to the runtime.
        price: what judges cost; None leaves it to the runtime.
        comparison: of selections by what models tuned on them learn; None if there is none.
    """

    file: Path
    project: Path | None
    sources: tuple[SourceSpec, ...]
    hold_out: float
    max_set_aside: float
    scores: Mapping[str, Scorer]
    selections: Mapping[str, tuple[Selector, ...]]
    exports: tuple[Export, ...]
    plugins: tuple[Path, ...] = ()
    max_unscored: float | None = None
    threads: int | None = None
    workers: int | None = None
    device: str | None = None
    max_cost: str | None = None
    price: str | None = None
    comparison: ComparisonConfig | None = None

    def only(self, names: Collection[str]) -> "Config":
        """Return the configuration reduced to some scores and selections, and their exports.

        Raises:
            ConfigError: if a name is neither.
        """
        known = [*self.scores, *self.selections]
        for name in names:
            if name not in known:
                raise ConfigError(
                    f"{self.file} names no score or selection {name!r}",
                    hint=did_you_mean(name, known) or f"it names {', '.join(known)}",
                )
        return dataclasses.replace(
            self,
            scores={name: item for name, item in self.scores.items() if name in names},
            selections={name: item for name, item in self.selections.items() if name in names},
            exports=tuple(export for export in self.exports if export.selection in names),
            comparison=None,
        )

    def components(self) -> list[Component]:
        """Return all scores, then all selections."""
        return [*self.scores.values(), *(s for group in self.selections.values() for s in group)]

    def runtime(self, base: Runtime | None = None) -> Runtime:
        """Return how to work: as `base` says, with the limits of the file."""
        changes: dict[str, Any] = {}
        if self.max_unscored is not None:
            changes["max_unscored"] = self.max_unscored
        if self.threads is not None:
            changes |= {"threads": self.threads, "workers": 0}
        if self.workers is not None:
            changes["workers"] = self.workers
        for name in ("device", "max_cost", "price"):
            if (value := getattr(self, name)) is not None:
                changes[name] = value
        if self.plugins:
            changes["plugin_files"] = self.plugins
        return dataclasses.replace(base or Runtime(), **changes)

    def open(self, runtime: Runtime | None = None) -> "Project":
        """Load the data and return the project.

        Args:
            runtime: how to work; by default as the file says.

        Raises:
            DataError: if the data cannot be loaded.
        """
        from assay.project import Project  # noqa: PLC0415  the command line starts without it

        with _asked_by_a_file():
            return Project(
                self.project,
                data=list(self.sources),
                hold_out=self.hold_out,
                max_set_aside=self.max_set_aside,
                runtime=runtime or self.runtime(),
            )

    def run(
        self,
        *,
        runtime: Runtime | None = None,
        project: "Project | None" = None,
        study: "Study | None" = None,
        tell: "Callable[[Step], None] | None" = None,
        replace: bool = False,
    ) -> RunResult:
        """Load, score, select, export and compare; what is at hand is not made again.

        Args:
            runtime: how to work; by default as the file says.
            project: what `open` returned, if that was called before.
            study: what `study` returned, if that was called before.
            tell: called after every trial of a comparison.
            replace: also write over files that Assay did not write, or that were edited since.

        Raises:
            AssayError: whatever stops the work, each with what to do about it.
        """
        with _asked_by_a_file():
            opened = project or self.open(runtime)
            if not replace:
                self._refuse_foreign(opened)
            return self._run(opened, study, tell)

    def placed_exports(self) -> list[Export]:
        """Return the exports, one for each seed of a selection."""
        return [
            _of_seed(export, selector.seed)
            for export in self.exports
            for selector in self.selections[export.selection]
        ]

    def _refuse_foreign(self, project: "Project") -> None:
        """Refuse before any work to replace what Assay did not write."""
        from assay.workspace.replacing import export_paths, refuse_foreign  # noqa: PLC0415  as above

        files = project.load_record.files
        outputs = [(each.output, each.layout) for each in self.placed_exports()]
        pages = []
        if self.comparison is not None:
            outputs += [(self.comparison.best, None)] if self.comparison.best else []
            pages = [self.comparison.report] if self.comparison.report else []
        paths = [path for place, layout in outputs for path in export_paths(files, place, layout)]
        refuse_foreign([*paths, *pages], project.runtime.cache)

    def _run(
        self, project: "Project", study: "Study | None", tell: "Callable[[Step], None] | None"
    ) -> RunResult:
        # All at once, so that scores and selections share their passes over the data.
        project.engine.compute(self.components())
        tables = [project.score(scorer)[0] for scorer in self.scores.values()]
        for name, scorer in self.scores.items():
            project.label(scorer, name)
        selections = {
            name: project.named(group, _names(name, group))
            for name, group in self.selections.items()
        }
        exports = [
            Exported(
                placed,
                chosen,
                chosen.export(
                    placed.output, layout=placed.layout, sidecar=placed.sidecar, replace=True
                ),
            )
            for export in self.exports
            for chosen in selections[export.selection]
            for placed in [_of_seed(export, chosen.selector.seed)]
        ]
        outcome = self._compare(study or self.study(project), tell)
        named = dict(zip(self.scores, tables, strict=True))
        return RunResult(project, named, selections, exports, outcome)

    def study(self, project: "Project") -> "Study | None":
        """Return what carries out the comparison; None if the file asks for none."""
        if self.comparison is None:
            return None
        from assay.compare.study import Study  # noqa: PLC0415  as above

        return Study(project, self.comparison.experiment)

    def _compare(
        self, study: "Study | None", tell: "Callable[[Step], None] | None"
    ) -> "Outcome | None":
        if study is None or self.comparison is None:
            return None
        from assay.reports.comparison.outcome import carry_out  # noqa: PLC0415  as above

        return carry_out(
            study,
            rebuild=f"assay run {self.file.name}",
            report=self.comparison.report,
            best=self.comparison.best,
            tell=tell,
        )


@contextlib.contextmanager
def _asked_by_a_file() -> Iterator[None]:
    """Let errors name parameters as a configuration writes them."""
    try:
        yield
    except AssayError as error:
        error.of_file(in_yaml)
        raise


def _names(name: str, group: Sequence[Selector]) -> list[str]:
    """Return a name for each selection of a group, one per seed."""
    return [name] if len(group) == 1 else [f"{name}-seed{each.seed}" for each in group]


def _of_seed(export: Export, seed: int) -> Export:
    output = str(export.output).replace("{seed}", str(seed))
    return dataclasses.replace(export, output=Path(output))


def load_config(path: str | Path, project: Path | None = None) -> Config:
    """Return the configuration of a YAML file; paths in it are relative to its folder.

    Args:
        path: of the file.
        project: folder of the project, in place of the one that the file means.

    Raises:
        ConfigError: with file, line and remedy, for the first thing that is wrong.
    """
    file = Path(path)
    document = read_yaml(file)
    sections = parse_sections(document)
    plugins = tuple(file.parent / plugin for plugin in sections.plugins)
    for place, plugin in enumerate(plugins):
        if not plugin.is_file():
            raise document.error(("plugins", place), f"{plugin} does not exist")
        load_file(plugin)
    sources = tuple(_sources(sections, file.parent))
    if project is None and sections.project is not None:
        project = file.parent / sections.project
    with _names_of(project, sources):
        scores, selections = build_all(document, sections, file.parent)
        comparison = build_comparison(document, sections, file.parent)
    return Config(
        file=file,
        project=project,
        sources=sources,
        hold_out=sections.data.hold_out,
        max_set_aside=sections.data.max_set_aside,
        scores=scores,
        selections=selections,
        exports=tuple(_exports(document, sections, selections)),
        plugins=plugins,
        max_unscored=sections.limits.max_unscored,
        threads=sections.limits.threads,
        workers=sections.limits.workers,
        device=sections.limits.device,
        max_cost=None if sections.limits.max_cost is None else str(sections.limits.max_cost),
        price=sections.limits.price,
        comparison=comparison,
    )


def _names_of(
    project: Path | None, sources: Sequence[SourceSpec]
) -> contextlib.AbstractContextManager[None]:
    """Let methods be named as the project of a file names them, which may not be there yet."""
    from assay.workspace.imports import imported_names  # noqa: PLC0415  as above
    from assay.workspace.placement import default_folder  # noqa: PLC0415  as above

    return project_names(imported_names(project or default_folder(sources)))


def _sources(sections: Sections, folder: Path) -> Iterator[SourceSpec]:
    for section in sections.data.sources:
        fields = section.model_dump(exclude={"source", "map"})
        yield SourceSpec(_location(section.source, folder), mapping=section.map, **fields)


def _location(source: str, folder: Path) -> str:
    # Not `Path.expanduser`, which stops at a file called "~notes".
    path = folder / os.path.expanduser(source)  # noqa: PTH111
    if source == "-" or (is_hub_name(source) and not path.exists()):
        return source
    # Absolute, so that the project can be opened from any folder.
    return os.path.normpath(path.absolute())


def _exports(
    document: Document, sections: Sections, selections: Mapping[str, Sequence[Selector]]
) -> Iterator[Export]:
    folder = Path(document.file).parent
    for index, section in enumerate(sections.exports):
        place = ("exports", index, "selection")
        chosen = selections.get(section.selection)
        if chosen is None:
            known = list(selections)
            raise document.error(
                place,
                f"no selection is called {section.selection!r}",
                did_you_mean(section.selection, known) or f"there are {', '.join(known)}",
            )
        if len(chosen) > 1 and "{seed}" not in section.output:
            raise document.error(
                (*place[:-1], "output"),
                f"{section.selection} has {len(chosen)} seeds, and {section.output} is one file",
                "write {seed} where the seed belongs in the name",
            )
        layout = None if section.format == "original" else section.format
        yield Export(section.selection, folder / section.output, layout, section.sidecar)
