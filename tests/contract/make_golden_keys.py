"""Writes golden_keys.json anew: run it when a component is added or its version is raised."""

import json

from tests.contract.test_components import _GOLDEN, _instance, _ours

if __name__ == "__main__":
    keys = {f"{kind.kind}/{kind.name}": _instance(kind).key for kind in _ours()}
    _GOLDEN.write_text(json.dumps(keys, indent=1, sort_keys=True) + "\n")
