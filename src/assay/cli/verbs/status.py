"""``assay status``: what a project holds, without computing anything."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.cli.app import KEEP, verb
from assay.cli.console import facts, table, terminal
from assay.cli.options.groups import Everywhere, Loading, Words
from assay.wording import size_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

_RUNS = 5


@verb("status", panel=KEEP, examples=("assay status", "assay status alpaca_data.json"))
def status(words: Words, everywhere: Everywhere) -> None:
    """Say what a project holds: data, scores, selections, the last runs.

    Without a source: every project of the working folder.
    """
    from assay.cli.options.arguments import project_arguments
    from assay.cli.options.names import split_words
    from assay.errors import UsageError

    sources, _, names = split_words(words or [])
    if names:
        raise UsageError(f"{names[0]!r} is not a source", hint="assay status DATA, or -p PROJECT")
    if sources or everywhere.project:
        folder, _arguments = project_arguments(sources, everywhere.project, Loading())
        folders = [folder]
    else:
        folders = sorted(path.parent for path in Path().glob("*.assay/load.json"))
    page = terminal()
    described = [describe_project(folder) for folder in folders]
    if page.settings.as_json:
        page.document(described)
        return
    if not described:
        _nothing_here()
    for place, project in enumerate(described):
        page.result() if place else None
        for part in _parts(project):
            page.result(part)


def _nothing_here() -> None:
    """Say that no project is here, and how to make one of the data file that is."""
    from assay.cli.naming import typed_path
    from assay.config.proposal import find_data
    from assay.errors import DataError

    page = terminal()
    page.note("no project is here")
    try:
        page.next(f"assay load {typed_path(Path(find_data(Path())))}")
    except DataError as error:
        page.note(f"{error.message}; assay load FILE makes one")


def describe_project(folder: Path) -> dict[str, Any]:
    """Return what a project folder holds."""
    from assay.components.descriptions import method_text
    from assay.errors import DataError
    from assay.pool.loading import LoadRecord
    from assay.pool.pool import Pool
    from assay.stores.results import Results
    from assay.workspace.stored import stored_results

    record = LoadRecord.read(folder / "load.json")
    if record is None:
        raise DataError(f"{folder} is not a project", hint=f"assay load DATA -p {folder}")
    context = Pool(folder / record.pool).context if (folder / record.pool).exists() else ""
    return {
        "project": str(folder),
        "sources": [spec["location"] for spec in record.specs],
        "samples": record.samples,
        "set_aside": sum(record.set_aside.values()),
        "held_out": record.held_out,
        "unchanged": record.unchanged(),
        "bytes": sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()),
        "results": [
            {
                "name": result.name,
                "kind": result.kind,
                "made_by": method_text(result.description),
                "current": result.current,
                "made": result.path.stat().st_mtime,
            }
            for result in stored_results(Results(folder), context)
            if not result.inner
        ],
        "judges": _judges(folder, context),
        "runs": _runs(folder),
    }


def _judges(folder: Path, context: str) -> list[dict[str, Any]]:
    """Return what judges have cost here, dearest first; nothing where nothing was spent."""
    from assay.agreement.judge_replies import judged_scores
    from assay.agreement.judge_spending import accounts_of
    from assay.cli.options.opening import runtime_of
    from assay.components.money import NANO
    from assay.judging.store import ReplyStore
    from assay.project import Project

    runtime = runtime_of(Everywhere(quiet=True))
    pools = {path.stem for path in folder.glob("pool-*.parquet")}
    with ReplyStore(runtime.cache / "judge") as store:
        if not any(scope.partition("/")[0] in pools for scope in store.scopes()):
            return []
        scores = judged_scores(Project(folder, as_loaded=True, runtime=runtime)) if context else ()
        accounts = accounts_of(store, pools, scores)
    return [
        {
            "scores": list(each.scores),
            "judge": each.judge,
            "currency": each.money.currency,
            "settled": each.money.settled / NANO,
            "lost": each.money.lost / NANO,
            "open": each.money.open / NANO,
            "overrun": each.money.overrun / NANO,
        }
        for each in accounts
    ]


def _judges_table(judges: "Sequence[dict[str, Any]]") -> "RenderableType":
    from assay.components.money import NANO, amount_text
    from assay.components.references import short_name

    amounts = ("settled", "lost", "open")
    rows: list[tuple[object, ...]] = [
        (
            ", ".join(each["scores"]) or "tried, without a score",
            short_name(each["judge"]) if each["judge"] else "",
            *(_amount(each[name], each["currency"]) for name in amounts),
        )
        for each in judges
    ]
    currencies = list(dict.fromkeys(each["currency"] for each in judges))
    if len(judges) > 1:
        for currency in currencies:
            own = [each for each in judges if each["currency"] == currency]
            sums = [sum(each[name] for each in own) for name in amounts]
            rows.append(("all", "", *(amount_text(round(s * NANO), currency) for s in sums)))
    return table(
        ["judged", "by", ("spent", "right"), ("lost at most", "right"), ("open at most", "right")],
        rows,
    )


def _amount(units: float, currency: str) -> str:
    from assay.components.money import NANO, amount_text

    return amount_text(round(units * NANO), currency) if units else ""


def _runs(folder: Path) -> list[dict[str, Any]]:
    from assay.errors import DamagedError
    from assay.files.checksums import read_json, warn

    manifests = sorted((folder / "runs").glob("*/manifest.json"), reverse=True)[:_RUNS]
    found = []
    for path in manifests:
        try:
            manifest = read_json(path)
        except DamagedError as error:
            warn(error, "not listed any more")
            continue
        found.append(
            {
                "run": path.parent.name,
                "outcome": manifest["outcome"],
                "seconds": manifest["seconds"],
                "arguments": manifest["arguments"],
            }
        )
    return found


def _parts(project: dict[str, Any]) -> "Iterator[RenderableType]":
    from rich.text import Text

    from assay.cli.naming import shown_path
    from assay.cli.shell import command_line

    data = ", ".join(shown_path(Path(source)) for source in project["sources"])
    changed = "" if project["unchanged"] else " (changed since it was loaded)"
    yield facts(
        [
            ("project", f"{shown_path(Path(project['project']))}, {size_text(project['bytes'])}"),
            ("data", data + changed),
            ("samples", project["samples"]),
            ("set aside", project["set_aside"]),
            ("held out", project["held_out"]),
        ]
    )
    for kind in ("score", "selection"):
        results = [result for result in project["results"] if result["kind"] == kind]
        if results:
            yield Text()
            yield _results_table(kind, results)
    if project["judges"]:
        yield Text()
        yield _judges_table(project["judges"])
    if project["runs"]:
        yield Text()
        yield table(
            ["last runs (UTC)", "outcome", ("seconds", "right"), "line"],
            [
                (run["run"], run["outcome"], f"{run['seconds']:.1f}",
                 command_line(run["arguments"]))
                for run in project["runs"]
            ],
        )  # fmt: skip


def _results_table(kind: str, results: "Sequence[dict[str, Any]]") -> "RenderableType":
    from datetime import UTC, datetime

    from assay.components.references import shown_names

    return table(
        [kind, "", "made (UTC)", "by"],
        [
            (
                result["name"],
                "" if result["current"] else "of older rows",
                datetime.fromtimestamp(result["made"], UTC).strftime("%Y-%m-%d %H:%M"),
                shown_names(result["made_by"]),
            )
            for result in results
        ],
    )
