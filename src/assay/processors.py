"""How many processors there are, how many may be used, and how threads are kept to these.

A process may be bound to some processors (its affinity), or be given a share of their time (a
container's quota). Libraries of linear algebra mostly see neither, and start a thread for every
processor of the machine: these then wait for each other, and take many times as long as few.
"""

import os
import sys

_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS",
)  # fmt: skip


def machine_processors() -> int:
    """Return how many logical processors the machine has, whoever may use them."""
    return os.cpu_count() or 1


def usable_processors() -> int:
    """Return how many processors this process may use: by affinity and a container's quota."""
    from loky import cpu_count  # noqa: PLC0415  not before somebody asks

    return max(1, int(cpu_count()))


def thread_variables(count: int) -> dict[str, str]:
    """Return the environment in which a new process keeps to `count` threads.

    What the environment sets lower stays.
    """
    return {name: str(_lower(os.environ.get(name), count)) for name in _VARIABLES}


def limit_threads(count: int) -> None:
    """Keep libraries of this process to `count` threads, those loaded already and those to come.

    Results do not depend on it: see the tolerances of features and the docstrings of solvers.
    """
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  as above

    wanted = thread_variables(count)
    if all(os.environ.get(name) == number for name, number in wanted.items()):
        return  # every library has kept to it since it was loaded
    os.environ.update(wanted)
    threadpool_limits(count)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(count)


def _lower(set_before: str | None, count: int) -> int:
    try:
        return max(1, min(int(set_before or count), count))
    except ValueError:  # a list of numbers, one per level of nesting
        return count
