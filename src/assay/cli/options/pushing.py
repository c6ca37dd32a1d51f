"""A selection becomes a dataset on the Hugging Face Hub."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.errors import UsageError

if TYPE_CHECKING:
    from assay.cli.options.writing import Writing
    from assay.workspace.named_selection import NamedSelection

_FOLDERS = re.compile(r"(?<=[\s'\"=])[~/](?:[^\s'\"@/]+/)+")


def check_push(writing: "Writing", *, offline: bool) -> None:
    """Refuse before any work what could not be pushed after it.

    Raises:
        UsageError: if the name is none, or the run is offline.
    """
    from assay.export.push import check_repository

    if writing.push is None:
        if writing.public:
            raise UsageError("--public is for --push", hint="--push org/name --public")
        return
    check_repository(writing.push)
    if offline:
        raise UsageError("--push and --offline exclude each other", hint="leave one out")


def push_selection(
    selection: "NamedSelection", described: Mapping[str, Any], writing: "Writing"
) -> str:
    """Upload the rows chosen with a card and what made them; return the page of the dataset.

    Raises:
        DataError: if the Hub refuses.
    """
    from assay.cli.options.writing import say_export, written_ending
    from assay.components.references import shown_names
    from assay.export.push import dataset_card, push_folder, shape_facts
    from assay.files import write_text
    from assay.wording import json_text

    assert writing.push is not None  # noqa: S101  asked for by whoever calls
    with tempfile.TemporaryDirectory(prefix="assay-") as name:
        folder = Path(name)
        data = folder / f"train.{written_ending(selection, writing)}"
        report = selection.write_rows(data, layout=writing.layout_out)
        say_export(report, len(selection), None)
        shown = dict(described) | {"method_text": shown_names(described["method_text"])}
        card = dataset_card(
            f"{writing.push.partition('/')[2]}: {len(selection):,} rows chosen",
            data_file=data.name,
            rows=len(selection),
            languages=list(described["composition"].get("language", {})),
            facts=shape_facts(shown),
            configuration=_configuration(selection),
        )
        write_text(folder / "README.md", card)
        write_text(folder / "assay.json", json_text(selection.manifest()) + "\n")
        return push_folder(folder, writing.push, private=not writing.public)


def _configuration(selection: "NamedSelection") -> str:
    """Return YAML that makes the selection again; where files lie on this machine is left out."""
    from assay.components.descriptions import describe, escaped
    from assay.config.writing import yaml_text

    sources = [spec["location"] for spec in selection.project.load_record.specs]
    names = [Path(place).name if Path(place).exists() else place for place in sources]
    content = {"data": {"sources": names},
               "selections": {selection.name: escaped(describe(selection.selector))}}  # fmt: skip
    return _FOLDERS.sub("", yaml_text(content))
