"""Serves one GGUF file by llama.cpp until its standard input ends: run as a program of its own.

It is given one line of JSON on standard input (`local_server.Wanted`, so that the key stands on no
command line) and answers with one on standard output, where it listens. Whoever holds the other end
of the input keeps it running: when that ends, however it ends, so does this. While the model is
loaded nothing else gets its turn, so then it is noticed when that is done.

Nothing of this package is imported, so that it starts whatever the path of the parent was.
"""

import json
import os
import sys
import threading
from typing import Any


def main() -> None:
    """Serve what the first line of standard input asks for."""
    # What libraries print must not come between the lines of the answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    wanted = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()

    import xllamacpp  # noqa: PLC0415  the thread above comes first

    try:
        server = xllamacpp.Server(_settings(xllamacpp, wanted))
    except RuntimeError as error:
        sys.exit(str(error))  # llama.cpp has said above what is wrong
    answers.write(json.dumps({"address": server.listening_address}) + "\n")
    answers.flush()
    threading.Event().wait()


def _end_with_input() -> None:
    while os.read(0, 1 << 12):
        pass
    # No library is asked whether it agrees: there is nothing to be saved.
    os._exit(0)


def _settings(xllamacpp: Any, wanted: dict[str, Any]) -> Any:
    found = xllamacpp.CommonParams()
    found.model.path = wanted["file"]
    found.model_alias = {wanted["model"]}  # or else the path is told
    found.n_ctx = wanted["context"] * wanted["slots"]  # shared out among the slots
    found.n_parallel = wanted["slots"]
    found.cpuparams.n_threads = found.cpuparams_batch.n_threads = wanted["threads"]
    found.hostnames, found.port = ["127.0.0.1"], 0  # a port that is free
    found.api_keys = [wanted["key"]]
    found.cors_origins = ""  # no page of a browser has any business here
    found.ui = found.endpoint_slots = found.warmup = False
    found.fit_params = False  # it would make the context smaller than was asked for
    # Read from what an earlier prompt left, the same one gets numbers up to 0.15 nats apart: every
    # reply would depend on what was asked before it.
    found.cache_prompt, found.cache_ram_mib = False, 0
    found.verbosity = wanted["verbosity"]
    return found


if __name__ == "__main__":
    main()
