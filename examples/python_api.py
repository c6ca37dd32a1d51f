"""The same jobs from Python: load, score, select, look, export.

python examples/python_api.py
"""

from pathlib import Path

import assay

HERE = Path(__file__).parent

project = assay.Project(HERE / "work" / "python.assay", data=HERE / "data" / "instructions.json")
print(f"{len(project)} rows, {project.load_record.duplicates} of them copies")

# A selection by the default method, and what chance would have chosen.
best = project.select(budget="10%")
chance = project.select("random", budget="10%", seeds=3)
print(f"{best.name}: {len(best)} rows, {best.composition().tokens} tokens")
print([len(set(best.ids.tolist()) & set(sample.ids.tolist())) for sample in chance], "in common")

# Scores by name, by description, or as objects; shared work is done once.
project.score("compression_ifd", {"method": "longest_response", "unit_of_length": "words"})
print(project.frame().describe())

# The rows with ranks and scores, and the file to train on.
print(best.frame().head(3))
best.export(HERE / "work" / "python_best.json")
best.export(HERE / "work" / "python_best_trl.jsonl", layout="trl")

# A configuration file does the same.
result = assay.load_config(HERE / "longest_response.yaml").run()
print({name: [len(chosen) for chosen in group] for name, group in result.selections.items()})
