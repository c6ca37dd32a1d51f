"""The page that says which method to take: the guide of the package, with evidence and cost."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assay.cli.printing.which_method import GUIDE, Advice
from assay.wording import NOTHING
from scripts.docs_benchmarks import measured_on
from scripts.docs_default_evidence import Evidence, percent, signed
from scripts.docs_text import page, table

PAGE = Path("which-method.md")
COSTS = Path(__file__).parents[1] / "benchmarks" / "results" / "method_costs-alpaca.json"

_BEFORE = """
**Start with random rows.** They are hard to beat: in two studies of selection at scale most methods
fell below them ([2503.01807](https://arxiv.org/abs/2503.01807),
[2410.15225](https://arxiv.org/abs/2410.15225)); in another, diversity mattered more than
quality, and leaving out short answers was the one cheap thing that helped steadily
([2410.09335](https://arxiv.org/abs/2410.09335)). So whatever you choose, look at fifty rows of it
(`--report page.html`), and let `assay compare` say whether it pays.
"""

_AFTER = """
*Judges*: points of a judge on 1,000 rows, by which the mean of what is taken exceeds that of all.
*Spoiled*: share of the selection that is spoiled where 10 % of the pool is. *LIMA*: loss of a 3.3 M
model tuned on 300 rows of Alpaca, minus the loss after 300 random rows; less is better.
[All of that evidence](concepts/default.md), with its intervals: many of these differences cannot be
told from chance.

*Cost*: seconds of a processor for 5 % of Alpaca's 52,002 rows, from nothing: the file is read, and
nothing is at hand. Where another method has read the rows before, it costs less.
"""


def which_method_page() -> str:
    """Return the page."""
    evidence = Evidence.read()
    costs: Mapping[str, Any] = json.loads(COSTS.read_text()) if COSTS.exists() else {}
    blocks: list[str | list[str]] = ["# Which method?", _BEFORE.strip()]
    for have in dict.fromkeys(advice.have for advice in GUIDE):
        chosen = [advice for advice in GUIDE if advice.have == have]
        blocks.append(f"## You have {have}")
        for advice in chosen:
            blocks += [
                f"**You want {advice.want}.** {advice.why} *But:* {advice.but}",
                ["```console", f"$ {advice.line}", "```"],
            ]
    blocks.append("## What was measured")
    heads = ["For", "Judges", "Spoiled", "LIMA", "Cost, s", "Memory, GiB"]
    rows = [_row(advice, evidence, costs.get("methods", {})) for advice in GUIDE]
    blocks.append(table(heads, [row for row in rows if any(cell != NOTHING for cell in row[1:])]))
    blocks.append(_AFTER.strip())
    if costs:
        blocks.append(measured_on(costs["hardware"]))
    return page(*blocks)


def _row(advice: Advice, evidence: Evidence, costs: Mapping[str, Any]) -> list[str]:
    name = advice.candidate and (evidence.default if advice.candidate == "default" else
                                 advice.candidate)  # fmt: skip
    cells = [NOTHING] * 3
    if name:
        cells = [signed(evidence.rating(name)), percent(evidence.taken(name)),
                 _on_lima(name, evidence)]  # fmt: skip
    cost = costs.get(advice.measured)
    cells += (
        [f"{cost['processor_seconds']:.0f}", f"{cost['peak_memory_gib']:.1f}"]
        if cost
        else ([NOTHING] * 2)
    )
    return [advice.want, *cells]


def _on_lima(name: str, evidence: Evidence) -> str:
    """Return the difference to random rows on LIMA where 300 rows of Alpaca were compared."""
    for compared in evidence.comparisons:
        if compared.label == "3.3 M model, Alpaca, equal rows" and compared.target is not None:
            loss = compared.losses[compared.target].get(name)
            if loss is not None and loss.difference is not None:
                return signed(loss.difference, 3)
            return "0" if name == "random" else NOTHING
    return NOTHING
