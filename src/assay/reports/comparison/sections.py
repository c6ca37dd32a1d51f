"""The sections of a report, from the verdict to the small print."""

from collections.abc import Mapping, Sequence

from assay.compare.power import LEVEL, POWER, power_words
from assay.compare.records import Comparison, EvaluationSet, Trial
from assay.compare.statistics import Row
from assay.compare.value_table import run_words, value_table
from assay.compare.verdict import Verdict
from assay.components.references import short_name
from assay.html import Html, element
from assay.reports.comparison.chart_parts import Style
from assay.reports.comparison.charts import curves, pareto
from assay.reports.comparison.forest import forest, key
from assay.reports.comparison.table import result_table
from assay.wording import capitalised, count, listed, nats, number_of, whole_percent

_AXIS_WORDS = {
    "samples": (
        "equal numbers of samples: how many tokens of them an arm trains on, and how many the "
        "recipe's limit cuts off, is in the table"
    ),
    "tokens": (
        "equal numbers of tokens as the recipe trains on them: encoded by the base model's own "
        "tokenizer, under the template, and cut at the limit"
    ),
    "steps": "equal numbers of optimiser steps",
}
_MEASURES = {
    "loss": (
        "The loss of a question is the mean negative log-likelihood of its answer per token; that "
        "of a model is the mean over questions, each counting once. It measures how well answers "
        "like those of the questions are predicted, and is not a judge's preference, nor a "
        "benchmark."
    ),
}
_READING = (
    (
        "An interval covers two kinds of chance: other questions, and other seeds or other random "
        "draws. Both are resampled 10,000 times, and few seeds make it wider. One or two seeds of "
        "an arm hardly show how far its seeds vary: the runs of random rows stand in with them. "
        'One seed by itself shows "question noise only", and where nothing stands in it says so.'
    ),
    (
        "Arms are compared at the same budget only, on the same questions. The intervals of the "
        "values themselves are wide, since some questions are hard for every model; those of the "
        "differences are not."
    ),
    "Runs that failed enter no average.",
)
_CLAIM = (
    "A claim needs a corrected p-value below 0.05 on {primary}, the one set that was named for it "
    "beforehand. Every arm and budget that was planned is counted, failed ones too."
)


def header(comparison: Comparison) -> Html:
    """Return the title, and what was compared in short."""
    done = sum(trial.status == "done" for trial in comparison.trials)
    failed = len(comparison.trials) - done
    facts = {
        _base_words(comparison): listed(list(comparison.bases)),
        "Pool": f"{comparison.pool}, {count(comparison.pool_rows)} rows",
        "Budgets": listed(list(comparison.budgets)),
        "Runs": f"{done} done" + (f", {failed} failed" if failed else ""),
        "Seeds per arm": str(comparison.tune_seeds),
        "Claims made on": comparison.primary,
    }
    pairs = [
        element("div", element("dt", name), element("dd", word)) for name, word in facts.items()
    ]
    return element("header", element("h1", comparison.title), element("dl", pairs, class_="facts"))


def _base_words(comparison: Comparison) -> str:
    return "Base models" if len(comparison.bases) > 1 else "Base model"


def verdict_card(found: Verdict, on: str = "") -> Html:
    """Return the conclusion, in words.

    Args:
        found: the conclusion.
        on: the base model, where there are several.
    """
    notes = element("ul", [element("li", note) for note in found.caveats])
    choice = None
    if found.arm is not None:
        choice = element("p", "To use: ", element("b", f"{found.arm} at {found.budget}"), ".")
    return element(
        "section",
        element("h2", f"{on}: {found.headline}." if on else f"{found.headline}."),
        element("p", found.claim),
        choice,
        notes if found.caveats else None,
        class_=f"verdict {found.outcome}",
    )


def failures(comparison: Comparison) -> Html | None:
    """Return the runs that failed, with their errors; None if none did."""
    failed = [trial for trial in comparison.trials if trial.status == "failed"]
    if not failed:
        return None
    lines = [
        element(
            "li",
            element("b", f"{trial.arm} at {trial.budget}" if trial.budget else trial.arm),
            f" ({run_words(trial)}{_on(trial)}): {trial.error}",
        )
        for trial in failed
    ]
    words = f"{number_of(len(failed), 'run')} failed"
    return element("section", element("h2", words), element("ul", lines), class_="failed")


def _on(trial: Trial) -> str:
    return f", with {short_name(trial.base)}" if trial.base else ""


def arms(comparison: Comparison, chart_styles: Mapping[str, Style]) -> Html:
    """Return the list of arms: marker, name, and how each chose."""
    lines = [
        element(
            "li",
            key(chart_styles[arm.name]),
            element("span", element("b", arm.name), " ", element("span", arm.words, class_="dim")),
        )
        for arm in comparison.arms
    ]
    return element("section", element("h2", "The arms"), element("ul", lines, class_="arms"))


def learning_curves(
    comparison: Comparison, rows: Mapping[str, list[Row]], chart_styles: Mapping[str, Style]
) -> Html:
    """Return one chart per evaluation set: held-out questions first, other sources apart."""
    titles = {"held_out": "Held out of the pool", "other_source": "Other sources"}
    groups = []
    for kind, title in titles.items():
        panels = [
            panel
            for part in comparison.sets
            if part.kind == kind and (panel := _panel(comparison, part, rows, chart_styles))
        ]
        if panels:
            groups.append(element("h3", title))
            groups.append(element("div", panels, class_="panels"))
    none = element("p", "No run with a budget is finished.") if not groups else None
    measures = list(dict.fromkeys(part.measured for part in comparison.sets))
    named = listed([each.name for each in measures])
    ways = [
        f"{each.ahead} is better" + (f" ({each.name})" if len(measures) > 1 else "")
        for each in measures
    ]
    return element(
        "section",
        element("h2", f"{capitalised(named)} over budget"),
        element(
            "p",
            f"{capitalised(listed(ways))}. The grey band reaches from the lowest to the highest "
            "run of random rows, each a dot; whiskers do the same for the seeds of an arm. Which "
            "differences count is shown by the next figure, since questions vary, too.",
        ),
        groups,
        none,
    )


def _panel(
    comparison: Comparison,
    part: EvaluationSet,
    rows: Mapping[str, list[Row]],
    chart_styles: Mapping[str, Style],
) -> Html | None:
    axis = "training tokens" if comparison.budget_axis == "tokens" else "rows"
    chart = curves(rows[part.name], chart_styles, axis)
    if chart is None:
        return None
    found = value_table(comparison, part.name)
    words = number_of(found.questions, "question")
    if found.dropped:
        words += f"; {found.dropped} more without a value"
    if part.name == comparison.primary:
        words += "; claims are made on this set"
    title = element("h4", part.name, " ", element("span", words, class_="dim"))
    return element("figure", title, chart)


def differences(
    comparison: Comparison, rows: Sequence[Row], chart_styles: Mapping[str, Style]
) -> Html | None:
    """Return the forest plot of the primary set; None without a comparison."""
    plot = forest(rows, chart_styles)
    if plot is None:
        return None
    claims = number_of(sum(row.is_claim for row in rows), "claim")
    words = (
        f"{_in_unit(comparison)} on {comparison.primary}, with {whole_percent(1 - LEVEL)} "
        "intervals, paired "
        f"by question. p is corrected by Holm's method over {claims}; faint lines do not stand "
        "after it."
    )
    title = element("h2", "Difference to random rows of the same budget")
    return element("section", title, element("p", words), plot)


def _in_unit(comparison: Comparison, *, named: bool = False) -> str:
    """Return what the values of the primary set are: "In nats per token", or with their name."""
    measure = comparison.set(comparison.primary).measured
    words = f"{measure.name} in {measure.unit}" if named else f"in {measure.unit}"
    return capitalised(words if measure.unit else measure.name)


def other_sets(
    comparison: Comparison, rows: Mapping[str, list[Row]], chart_styles: Mapping[str, Style]
) -> Html | None:
    """Return the forest plots of all sets but the primary one, folded; None without any."""
    plots = [
        element("details", element("summary", part.name), plot)
        for part in comparison.sets
        if part.name != comparison.primary and (plot := forest(rows[part.name], chart_styles))
    ]
    if not plots:
        return None
    words = (
        "Intervals on these sets are for looking, not for claims: they are corrected for nothing."
    )
    return element(
        "section", element("h3", "The same on the other sets"), element("p", words), plots
    )


def table(comparison: Comparison, rows: Sequence[Row], chart_styles: Mapping[str, Style]) -> Html:
    """Return all numbers of the primary set."""
    words = (
        f"{_in_unit(comparison, named=True)} on {comparison.primary}. Tokens read are those that "
        "one epoch trains on, prompts included, beside those that the rows have before the "
        "recipe's limit cuts them. Costs are of choosing once and of one "
        'training, as FLOPs and wall time. "Worth" is the budget at which random rows reach the '
        f"same {comparison.set(comparison.primary).measure}, divided by the arm's."
    )
    parts = [element("p", words), result_table(comparison, rows, chart_styles)]
    return element("section", element("h2", "All numbers"), parts)


def cost(rows: Sequence[Row], chart_styles: Mapping[str, Style]) -> Html:
    """Return the chart of values against cost, or a sentence that no cost is known."""
    chart = pareto(rows, chart_styles)
    measure = rows[0].measure
    title = element("h2", f"{capitalised(measure.name)} against total cost")
    if chart is None:
        return element("section", title, element("p", "No cost was recorded."))
    words = (
        "Every point is an arm at a budget. Nothing lies "
        f"{'below' if measure.better == 'low' else 'above'} and to the left of the dotted line: "
        "named points are the best for what they cost. The pale line at a point is the part of its "
        "cost that is choosing, which several trainings can share."
    )
    return element("section", title, element("p", words), element("figure", chart, class_="wide"))


def power(comparison: Comparison, rows: Sequence[Row]) -> Html | None:
    """Return what could be shown, as foreseen and as it turned out; None without either."""
    parts = []
    if comparison.power is not None:
        parts.append(element("p", element("b", "Before training. "), power_words(comparison.power)))
    shown = [row.detectable for row in rows if row.difference]
    if shown:
        sizes = list(dict.fromkeys((nats(min(shown)), nats(max(shown)))))
        range_of_all = rows[0].measure.difference(" to ".join(sizes))
        words = (
            f"From the runs themselves, the arms could show differences of {range_of_all} with a "
            f"probability of {whole_percent(POWER)}, one claim at a time."
        )
        parts.append(element("p", element("b", "As it turned out. "), words))
    title = element("h2", "What this comparison was able to show")
    return element("section", title, parts) if parts else None


def equal(comparison: Comparison) -> Html:
    """Return what was held equal."""
    lines = [
        (_base_words(comparison), listed(list(comparison.bases))),
        ("Recipe", comparison.recipe),
        ("Budget", _AXIS_WORDS[comparison.budget_axis]),
        ("Pool", f"{comparison.pool}, {count(comparison.pool_rows)} rows to choose from"),
    ]
    items = [element("li", element("b", f"{name}: "), words) for name, words in lines]
    return element("section", element("h2", "Held equal between arms"), element("ul", items))


def scores(comparison: Comparison) -> Html | None:
    """Return the models that made the scores; None if there was none."""
    if not comparison.models:
        return None
    items = [
        element("li", element("b", f"{name}: "), words) for name, words in comparison.models.items()
    ]
    return element("section", element("h2", "What made the scores"), element("ul", items))


def reading(comparison: Comparison) -> Html:
    """Return how to read the page."""
    measures = {part.measure for part in comparison.sets}
    known = [line for name, line in _MEASURES.items() if name in measures]
    lines = [*known, *_READING, _CLAIM.format(primary=comparison.primary)]
    items = [element("li", line) for line in lines]
    return element("section", element("h2", "How to read this page"), element("ul", items))


def again(comparison: Comparison, rebuild: str) -> Html:
    """Return the command that makes the page again."""
    words = f"Made by assay {comparison.assay_version} from stored records, without any model:"
    return element(
        "section",
        element("h2", "Make this page again"),
        element("p", words),
        element("pre", element("code", rebuild)),
    )
