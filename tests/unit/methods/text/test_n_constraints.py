import json
from pathlib import Path

import numpy as np

from assay.formats.records import SourceSpec
from assay.methods.text.n_constraints import ConstraintCount
from assay.project import Project
from assay.samples import Reason

_RECORDS = [
    {"instruction": "Write. At most 9 words, only nouns", "output": "a"},
    {"instruction": "b", "output": "b", "constraints": ["short", "in French", "polite"]},
    {"instruction": "c", "output": "c", "instruction_id_list": []},
    {"instruction": "d", "output": "d", "level": 4, "example_id": 1},
    {"instruction": "e", "output": "e", "level": "hard"},
    {
        "instruction": "f",
        "output": "f",
        "Count_limit": [{"criterion": "word-max", "limit": 3}, {"criterion": "NULL"}],
        "Answer_format": [{"criterion": "keywords", "limit": ["a", "b"]}],
    },
]


def _found(folder: Path, scorer: ConstraintCount) -> dict[str, float | str]:
    path = folder / "data.json"
    path.write_text(json.dumps(_RECORDS))
    project = Project(folder / "project", data=[SourceSpec(str(path))])
    (table,) = project.score(scorer)
    return {
        sample.conversation.response: table.main.values[place].item()
        if table.main.reason[place] == 0
        else Reason(table.main.reason[place]).name
        for place, sample in enumerate(project.pool.samples(np.arange(len(project.pool))))
    }


def test_recorded_constraints_count_before_what_the_words_show(tmp_path: Path) -> None:
    assert _found(tmp_path, ConstraintCount()) == {"a": 3, "b": 3, "c": 0, "d": 4, "e": 0, "f": 2}


def test_either_count_can_be_had_alone(tmp_path: Path) -> None:
    read = _found(tmp_path, ConstraintCount(counted="read"))
    recorded = _found(tmp_path, ConstraintCount(counted="recorded"))

    assert read == {"a": 3, "b": 0, "c": 0, "d": 0, "e": 0, "f": 0}
    assert (recorded["a"], recorded["e"]) == ("NO_RULE", "NO_RULE")
    assert (recorded["b"], recorded["f"]) == (3, 2)


def test_a_file_of_questions_may_say_it_and_rows_that_it_lacks_are_read(tmp_path: Path) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text(json.dumps({"instruction": "b", "constraints": ["one"]}) + "\n")

    found = _found(tmp_path, ConstraintCount(criteria=str(questions)))

    assert (found["a"], found["b"]) == (3, 1)
