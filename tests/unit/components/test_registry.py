import logging
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from assay.components import table
from assay.components.component import Scorer, Selector, build
from assay.components.registry import components, find, load_file
from assay.components.table import failed_plugins, project_names
from assay.errors import ConfigError, UnknownMethodError
from assay.methods.text.compression_ifd import CompressionIFD

_PLUGIN = '''
from typing import Any, ClassVar
from assay.components.component import NoPaper, Paper, Scorer
from assay.features.text import Lengths

class {cls}(Scorer):
    """A score of one file."""
    name = "{name}"
    paper: ClassVar[Paper | NoPaper] = NoPaper(reason="a test")

    def requires(self) -> dict[str, Any]:
        return {{"lengths": Lengths()}}

    def score(self, *, lengths: Any) -> Any:
        return lengths["prompt_words"]
'''


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the registry as it was."""
    table.load_all()
    monkeypatch.setattr(table, "_components", dict(table._components))
    monkeypatch.setattr(table, "_failed_plugins", {})


def _write(folder: Path, file: str, name: str) -> Path:
    path = folder / file
    path.write_text(_PLUGIN.format(cls=name.title().replace("_", ""), name=name))
    return path


def test_a_name_stands_for_its_component_and_dashes_for_underscores() -> None:
    assert find("compression_ifd") is find("compression-ifd") is CompressionIFD
    assert isinstance(build("compression_ifd"), Scorer)


def test_a_selector_is_not_found_among_scores() -> None:
    assert issubclass(find("random"), Selector)
    with pytest.raises(UnknownMethodError):
        find("random", "scorer")


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UnknownMethodError) as error:
        find("longest_respones")

    assert "'longest_response'" in str(error.value.hint)


def test_components_come_by_kind_and_name() -> None:
    places = [(found.kind, found.name) for found in components()]

    assert places == sorted(places)
    assert {kind for kind, _ in places} == {"dataset", "feature", "scorer", "selector"}
    assert {"chosen", "file", "given"} <= {found.name for found in components("dataset")}


def test_a_file_brings_its_components(tmp_path: Path) -> None:
    (found,) = load_file(_write(tmp_path, "one_file.py", "file_score"))

    assert find("file_score") is found
    assert load_file(tmp_path / "one_file.py") == [found]


def test_a_file_that_breaks_is_named(tmp_path: Path) -> None:
    path = tmp_path / "broken_file.py"
    path.write_text("import nothing_of_that_name")

    with pytest.raises(ConfigError, match=r"broken_file\.py cannot be imported.*nothing_of_that"):
        load_file(path)
    with pytest.raises(ConfigError, match="cannot be imported"):
        load_file(path)


def test_a_file_without_a_component_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty_file.py"
    path.write_text("x = 1\n")

    with pytest.raises(ConfigError, match="defines no component"):
        load_file(path)


def test_a_taken_name_is_refused_and_both_are_named(tmp_path: Path) -> None:
    path = _write(tmp_path, "taken_file.py", "compression_ifd")

    with pytest.raises(ConfigError, match="are both the scorer 'compression_ifd'"):
        load_file(path)
    assert find("compression_ifd") is CompressionIFD


def _another() -> type[Scorer]:
    class Another(CompressionIFD):
        """A score that is made anew at every call."""

        name = "made_in_a_function"

    return Another


def test_another_class_of_the_same_words_is_refused_under_a_taken_name() -> None:
    first = _another()

    with pytest.raises(ConfigError, match="are both the scorer 'made_in_a_function'"):
        _another()
    assert find("made_in_a_function") is first


def test_names_of_a_project_come_first_and_only_while_it_is_asked() -> None:
    class Ours(CompressionIFD):
        """A score of one project."""

    Ours.name = "compression_ifd"

    with project_names([Ours]):
        assert find("compression-ifd") is Ours
        assert Ours in components("scorer")
        assert CompressionIFD not in components("scorer")
        with project_names([]):
            assert find("compression_ifd") is CompressionIFD
    assert find("compression_ifd") is CompressionIFD


def test_a_plugin_that_fails_takes_nothing_down_and_is_reported_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = EntryPoint("broken", "no_such_module_anywhere", "assay.methods")
    monkeypatch.setattr(table, "entry_points", lambda group: [broken])
    monkeypatch.setattr(table, "_loaded", False)

    with caplog.at_level(logging.WARNING):
        table.load_all()
        table.load_all()

    assert len(caplog.records) == 1
    assert "no_such_module_anywhere" in failed_plugins()["broken"]
    assert find("compression_ifd") is CompressionIFD
