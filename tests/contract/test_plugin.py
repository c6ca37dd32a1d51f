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

from assay.formats.records import SourceSpec
from assay.project import Project
from assay.registry import load_file
from assay.runtime import Runtime

PLUGIN = Path(__file__).parents[1] / "plugins" / "example_plugin"
EXAMPLES = Path(__file__).parents[2] / "examples"

_REPORT = """
import json, sys
from assay.registry import components, failed_plugins, find
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
print(json.dumps([f"{row:016x}" for row in best.ids.tolist()]))
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
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


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

    made = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
         "--no-index", "--disable-pip-version-check", "--target", str(target), str(copy)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert made.returncode == 0, made.stderr
    done = _python(_REPORT, path=target)
    assert json.loads(done.stdout)["module"] == "assay_example_plugin"


def test_its_own_tests_pass(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(_install(tmp_path))}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull,
         "--rootdir", str(tmp_path), str(PLUGIN / "tests")],
        env=environment, capture_output=True, text=True, check=False, timeout=300,
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
        "from assay.registry import failed_plugins, find\n"
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
    assert len(project.sample(int(chosen.ids[0])).conversation.responses) == min(lengths)
