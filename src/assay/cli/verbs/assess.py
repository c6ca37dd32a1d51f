"""``assay assess``: whole datasets side by side."""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assay.cli.app import LOOK, verb
from assay.cli.console import terminal
from assay.cli.options.completion import complete_words
from assay.cli.options.groups import Everywhere, Loading, ThreadsOption, Working
from assay.cli.options.models import DeviceOption, DTypeOption
from assay.cli.options.opening import open_project

if TYPE_CHECKING:
    from assay.assessment.assess import Options
    from assay.assessment.records import Assessment
    from assay.assessment.rows import Rows
    from assay.cli.options.grammar import Source
    from assay.project import Project


_WORTH_SAYING_SECONDS = 10.0


@dataclass(frozen=True)
class Measuring:
    """Options that say what is compared, and how closely it is looked at."""

    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="PAGE.html", show_default=False,
                     help="Write one self-contained HTML page."),
    ] = None  # fmt: skip
    by: Annotated[
        str | None,
        typer.Option(metavar="source|task|language", show_default=False,
                     help="Parts of one dataset side by side, instead of several datasets."),
    ] = None  # fmt: skip
    sample: Annotated[
        int,
        typer.Option(min=2, help="Rows per dataset that costly measures look at, drawn at random."),
    ] = 2000
    alike: Annotated[
        float,
        typer.Option(min=0.01, max=1.0, help="Cosine from which two rows are close in meaning."),
    ] = 0.8
    tokenizer: Annotated[
        str | None,
        typer.Option(metavar="NAME", show_default=False,
                     help="Tokenizer that counts: a tokenizer.json, a folder or org/name; an "
                     "estimate by default."),
    ] = None  # fmt: skip
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes; as many as --threads by default.", show_default=False),
    ] = None
    threads: ThreadsOption = None
    dry_run: Annotated[
        bool,
        typer.Option("-n", "--dry-run", help="Say what would be done and how long it would take."),
    ] = False
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="NAME", show_default=False, rich_help_panel="Models",
                     help="Adds IFD and perplexity, for which this language model reads the "
                     "sample of every dataset: on a processor a fraction of a second to seconds a "
                     "row, so mostly the longest part by far; -n says how long. assay:lm, org/name "
                     "such as gpt2, a folder, a GGUF file, package:NAME, or http://host:8000/v1#model."),
    ] = None  # fmt: skip
    dtype: DTypeOption = None
    device: DeviceOption = None


@verb(
    "assess",
    panel=LOOK,
    examples=(
        "assay assess alpaca_data.json dolly.jsonl -o page.html",
        "assay assess mine=data.jsonl tatsu-lab/alpaca --sample 500",
        "assay assess mix.jsonl --by source",
        "assay assess alpaca_data.json dolly.jsonl --model assay:lm --sample 500 -n",
    ),
)
def assess(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATASET",
            help="Files, folders, org/name on the Hub, projects or '-'; `name=path` names one.",
            autocompletion=complete_words,
            show_default=False,
        ),
    ],
    measuring: Measuring,
    reading: Loading,
    everywhere: Everywhere,
) -> None:
    """Put whole datasets side by side: size, lengths, languages, tasks, duplicates, variety.

    Says what stands out in each, what part of each the others hold, too, and how far a prompt helps
    to tell its answer: by a compressor, and with --model by a language model (IFD, perplexity),
    which takes much longer than all the rest.

    Every measure looks at all rows, but for variety, closeness in meaning and those of a language
    model: they look at the same random rows each time, and shares come with an interval.
    """
    import contextlib

    from assay.assessment.assess import assess as measured
    from assay.cli.options.replacing import check_replaceable
    from assay.cli.recording import recorded
    from assay.files import write_text
    from assay.stores.written import remember

    if measuring.output is not None:
        check_replaceable(measuring.output, yes=everywhere.yes)
    projects, datasets = _datasets(words or [], reading, everywhere, measuring)
    options = _options(projects[0], measuring)
    if _priced(datasets, options, projects[0], dry_run=measuring.dry_run):
        return
    with contextlib.ExitStack() as stack:
        for project in {project.folder: project for project in projects}.values():
            stack.enter_context(recorded(project, "assess", sys.argv[2:]))
        found = measured(datasets, options, projects[0].runtime)
        if measuring.output is not None:
            from assay.reports.assessment.page import assessment_page

            write_text(measuring.output, assessment_page(found))
            remember(projects[0].runtime.cache, [measuring.output])
    _show(found, measuring.output)


def _priced(
    datasets: "Sequence[Rows]", options: "Options", project: "Project", *, dry_run: bool
) -> bool:
    """Say what the work takes, where that was asked for or will be long; return if that is all.

    Without a language model the measures take seconds to minutes, and nothing is said beforehand.
    """
    from assay.assessment.pricing import MODEL, price
    from assay.cli.printing.planning_report import print_steps
    from assay.progress import format_seconds

    if not dry_run and not options.model:
        return False
    steps = price(datasets, options, project.runtime)
    if dry_run:
        print_steps(steps)
        return True
    total = sum(step.seconds or 0.0 for step in steps)
    by_model = next((step.seconds or 0.0 for step in steps if step.name == MODEL), 0.0)
    if by_model >= _WORTH_SAYING_SECONDS:
        terminal().note(
            f"about {format_seconds(total)}, {format_seconds(by_model)} of it for IFD and "
            "perplexity; fewer rows are read with --sample, none without --model"
        )
    return False


def _show(found: "Assessment", output: Path | None) -> None:
    from assay.cli.naming import shown_path
    from assay.cli.printing.assessment_report import assessment_parts

    page = terminal()
    if page.settings.as_json:
        page.document(dataclasses.asdict(found))
    else:
        for part in assessment_parts(found):
            page.result(part)
    if output is not None:
        page.note(f"wrote {shown_path(output)}", style="dim")
    elif "-" not in sys.argv[2:]:  # standard input cannot be read again
        page.next(f"{_typed()} -o page.html")


def _typed() -> str:
    from assay.cli.shell import command_line

    return command_line(["assess", *sys.argv[2:]])


def _datasets(
    words: Sequence[str], reading: Loading, everywhere: Everywhere, measuring: Measuring
) -> "tuple[list[Project], list[Rows]]":
    """Return the projects that the words mean, and the datasets in them.

    Raises:
        UsageError: if a word is no dataset, or the options contradict the words.
    """
    from assay.cli.options.names import split_words
    from assay.errors import UsageError

    sources, files, names = split_words(words)
    if names or files:
        wrong = names[0] if names else str(files[0])
        raise UsageError(
            f"{wrong!r} is not a dataset", hint="name files, folders, projects or org/name"
        )
    working = Working(threads=measuring.threads, workers=measuring.workers, device=measuring.device)

    def opened(sources: "Sequence[Source]", folder: Path | None) -> "Project":
        return open_project(
            sources, dataclasses.replace(everywhere, project=folder), reading, working=working
        )

    if measuring.by is not None or not sources:
        return _one(opened(sources, everywhere.project), measuring.by)
    if everywhere.project is not None:
        raise UsageError(
            "-p names one project, and each dataset has its own",
            hint="leave -p out, or compare the parts of one project with --by source",
        )
    return _several(sources, opened)


def _one(project: "Project", by: str | None) -> "tuple[list[Project], list[Rows]]":
    """Return one project, and its parts by an attribute of the rows, or all of it.

    Raises:
        UsageError: if rows have no such attribute.
    """
    from assay.assessment.parts import ATTRIBUTES, parts_of, whole
    from assay.errors import UsageError, did_you_mean

    if by is None:
        return [project], [whole(project, project.folder.stem, str(project.folder))]
    attribute = next((name for name in ATTRIBUTES if name == by), None)
    if attribute is None:
        hint = did_you_mean(by, ATTRIBUTES) or f"one of {', '.join(ATTRIBUTES)}"
        raise UsageError(f"--by {by!r} is not known", hint=hint)
    parts, note = parts_of(project, attribute)
    if note:
        terminal().warn(note)
    return [project], parts


def _several(
    sources: "Sequence[Source]", opened: "Callable[[Sequence[Source], Path | None], Project]"
) -> "tuple[list[Project], list[Rows]]":
    """Return a project per source, and its rows as a dataset; one without rows is listed, too.

    Raises:
        EmptyPoolError: if none has a usable row.
    """
    from assay.assessment.parts import whole
    from assay.assessment.rows import Rows, distinct_names
    from assay.errors import EmptyPoolError

    places = [_place(source) for source in sources]
    names = [source.name or _stem(source.location) for source in sources]
    projects: list[Project] = []
    datasets: list[Rows] = []
    for source, name, place in zip(sources, distinct_names(names, places), places, strict=True):
        try:
            project = opened([source], None)
        except EmptyPoolError as error:
            message, _ = terminal().reported(error)
            terminal().warn(f"{place}: {message}")
            datasets.append(Rows(name, place, None, notes=(message,)))
            continue
        projects.append(project)
        datasets.append(whole(project, name, place))
    if not projects:
        raise EmptyPoolError("no dataset has a usable row", hint="name at least one that has")
    return projects, datasets


def _place(source: "Source") -> str:
    from assay.cli.naming import shown_path

    path = Path(source.location)
    return shown_path(path) if path.exists() else source.location


def _stem(location: str) -> str:
    from assay.files import is_pipe

    path = Path(location)
    if location == "-":
        return "standard input"
    if not path.exists() or is_pipe(path):
        return location
    return path.resolve().name.split(".")[0] or path.name


def _options(project: "Project", measuring: Measuring) -> "Options":
    """Return the options.

    Raises:
        AssayError: if the model cannot be read.
    """
    from assay.assessment.assess import Options
    from assay.cli.options.models import Models, check_models, with_models
    from assay.components.references import EMBEDDED_MODEL
    from assay.errors import UsageError
    from assay.methods.likelihood.ifd import IFD

    if measuring.model is None:
        if measuring.dtype is not None:
            raise UsageError("--dtype goes with --model", hint="--model gpt2")
        return Options(
            sample=measuring.sample,
            alike=measuring.alike,
            tokenizer=measuring.tokenizer or "",
            no_model="IFD and perplexity, for which a language model reads the rows: "
            f"--model {EMBEDDED_MODEL} adds them, and -n beside it says how long that takes",
        )
    [scorer] = with_models([IFD()], Models(model=measuring.model, dtype=measuring.dtype))
    check_models(project, [scorer])
    return Options(
        model=str(project.engine.resolve(scorer).model),
        sample=measuring.sample,
        alike=measuring.alike,
        tokenizer=measuring.tokenizer or "",
        dtype=scorer.dtype,
    )
