"""A plugin as other people write one: installed beside Assay, or a single file."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from assay.components.registry import load_file
from assay.formats.records import SourceSpec
from assay.project import Project
from assay.runtime import Runtime
from tests.patience import run

PLUGIN = Path(__file__).parents[1] / "plugins" / "example_plugin"
EXAMPLES = Path(__file__).parents[2] / "examples"

_REPORT = """
import json, sys
from assay.components.registry import components, find
from assay.components.table import failed_plugins
scorer = find("example_readability")
print(json.dumps({
    "module": scorer.__module__,
    "paper": scorer.paper.doi,
    "parameters": list(scorer.model_fields),
    "known": [c.name for c in components() if c.name.startswith("example_")],
    "builtin": find("compression_ifd").name,
    "failed": dict(failed_plugins()),
    "torch": "torch" in sys.modules,
}))
"""
_SCORE = """
import json, sys
from pathlib import Path
from assay.project import Project
from assay.runtime import Runtime
runtime = Runtime(cache=Path(sys.argv[3]), workers=2)
project = Project(sys.argv[1], data=sys.argv[2], runtime=runtime)
best = project.select("example_readability", budget=5)
print(json.dumps(best.ids.tolist()))
"""


def _install(folder: Path) -> Path:
    """Put the plugin and its entry point where Python looks, as an installer does."""
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    shutil.copy(PLUGIN / "assay_example_plugin.py", folder)
    info = folder / f"assay_example_plugin-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return folder


def _python(script: str, *arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(path)}
    return run([sys.executable, "-c", script, *arguments], environment=environment)


def test_an_installed_plugin_is_found_by_its_entry_point(tmp_path: Path) -> None:
    done = _python(_REPORT, path=_install(tmp_path))

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "module": "assay_example_plugin",
        "paper": "10.1037/h0076540",
        "parameters": ["part"],
        "known": ["example_text_statistics", "example_readability"],
        "builtin": "compression_ifd",
        "failed": {},
        "torch": False,
    }


def test_without_the_plugin_its_method_is_unknown(tmp_path: Path) -> None:
    done = _python(_REPORT, path=tmp_path)

    assert done.returncode != 0
    assert "no method is called 'example_readability'" in done.stderr


def test_the_package_builds_and_installs(tmp_path: Path) -> None:
    if importlib.util.find_spec("pip") is None or importlib.util.find_spec("hatchling") is None:
        pytest.skip("needs pip and hatchling in the environment")
    copy = shutil.copytree(PLUGIN, tmp_path / "source")
    target = tmp_path / "target"

    made = run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
         "--no-index", "--disable-pip-version-check", "--target", target, copy]
    )  # fmt: skip

    assert made.returncode == 0, made.stderr
    done = _python(_REPORT, path=target)
    assert json.loads(done.stdout)["module"] == "assay_example_plugin"


def test_its_own_tests_pass(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(_install(tmp_path))}

    done = run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull,
         "--rootdir", str(tmp_path), str(PLUGIN / "tests")],
        environment=environment,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout


def test_a_selection_by_it_uses_worker_processes_that_know_it(tmp_path: Path) -> None:
    path = tmp_path / "site"
    path.mkdir()
    _install(path)
    arguments = [
        str(tmp_path / "project"),
        str(EXAMPLES / "data" / "instructions.json"),
        str(tmp_path / "cache"),
    ]

    done = _python(_SCORE, *arguments, path=path)

    assert done.returncode == 0, done.stderr
    assert len(set(json.loads(done.stdout))) == 5


def test_a_plugin_that_fails_to_import_takes_nothing_down(tmp_path: Path) -> None:
    _install(tmp_path)
    (tmp_path / "assay_example_plugin.py").write_text("raise RuntimeError('broken')\n")

    done = _python(
        "from assay.components.registry import find\n"
        "from assay.components.table import failed_plugins\n"
        "print(find('random').name, dict(failed_plugins()))",
        path=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "random {'example': 'RuntimeError: broken'}"


def test_a_single_file_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "shouting.py"
    file.write_text(
        '''
import assay
import numpy as np
from assay.features.text import Lengths


class Shortness(assay.Scorer):
    """How short the response is."""

    name = "shortness"
    paper = assay.NoPaper(reason="an example")

    def requires(self):
        return {"lengths": Lengths()}

    def score(self, *, lengths):
        return -lengths["response_characters"]
'''
    )

    found = load_file(file)
    runtime = Runtime(cache=tmp_path / "cache", workers=1, plugin_files=(file,))
    data = SourceSpec(str(EXAMPLES / "data" / "messages.jsonl"))
    project = Project(tmp_path / "project", data=data, runtime=runtime)
    chosen = project.select("shortness", budget=1)

    assert [component.name for component in found] == ["shortness"]
    lengths = [
        len(project.sample(row_id).conversation.responses) for row_id in project.pool.ids.tolist()
    ]
    assert len(project.sample(chosen.ids[0]).conversation.responses) == min(lengths)


_BITS = '''
"""Bits of an answer's letters: a plugin that reads a language model."""

import assay
import numpy as np
from assay.features.log_probs import ResponseLogProbs
from assay.features.text import Lengths
from assay.methods.likelihood.likelihood import LikelihoodScore


class BitsPerCharacter(LikelihoodScore):
    """Information in an answer, in bits per character."""

    name = "example_bits"
    paper = assay.NoPaper(reason="an example")

    def requires(self):
        return {"answer": self.log_probs(), "lengths": Lengths()}

    def score(self, *, answer, lengths):
        return -answer.sum / np.log(2) / lengths["response_characters"]
'''
_SHARE = """
import json, sys
from pathlib import Path
from assay.project import Project
from tests.causal_rows import open_runtime, set_budget
from tests.watching import forwards

folder, model, data, vocabulary = sys.argv[1:]
runtime = open_runtime(Path(folder) / "cache")
set_budget(runtime, Path(model), 1000)
project = Project(Path(folder) / "project", data=data, runtime=runtime)
named = {"model": model, "rendering": {"template": "plain"}}
counts = []
for names in (["ifd", "example_bits"], ["ifd", "example_bits"]):
    runtime.language_model(runtime.pin("language_model", model), "float32")
    with forwards(int(vocabulary)) as seen:
        tables = project.score(*({"method": name, **named} for name in names))
    counts.append(sum(rows for rows, _ in seen))
print(json.dumps([len(project), counts, tables[1].main.values.tolist()]))
"""


def test_an_installed_plugin_shares_the_forwards_of_ifd(llama_folder: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    _install(site)
    (site / "assay_example_plugin.py").write_text(_BITS, encoding="utf-8")
    rows = [
        {"instruction": f"{word} and what follows?", "output": f"{word} comes before {place}."}
        for place, word in enumerate(("One", "Two", "Three", "Four", "Five", "Six"))
    ]
    data = tmp_path / "rows.json"
    data.write_text(json.dumps(rows), encoding="utf-8")
    vocabulary = json.loads((llama_folder / "config.json").read_text())["vocab_size"]

    here = os.pathsep.join([str(site), str(Path(__file__).parents[2])])
    done = _python(
        _SHARE, str(tmp_path), str(llama_folder), str(data), str(vocabulary), path=Path(here)
    )

    assert done.returncode == 0, done.stderr
    count, forwards, bits = json.loads(done.stdout)
    assert count == len(rows)
    assert forwards == [2 * count, 0]
    assert all(value > 0 for value in bits)
