"""Options of verbs that work on many networks: seeds, worker processes, threads."""

import os
from typing import TypeVar

from netseams.core import Config, SettingError

C = TypeVar("C", bound=Config)


def with_seeds(config: C, seeds: int | None) -> C:
    """The config with so many training seeds, from 0; None leaves its own.

    Raises:
        SettingError: less than one.
    """
    if seeds is None:
        return config
    if seeds < 1:
        raise SettingError(f"--seeds must be at least 1, got {seeds}")
    return config.model_copy(update={"seeds": tuple(range(seeds))})


def n_workers(workers: int | None, threads: int, most: int | None = None) -> int:
    """Worker processes: what was asked for, else one for every core that this process may use.

    Args:
        most: of those that nobody asked for.

    Raises:
        SettingError: fewer than one worker or thread.
    """
    if threads < 1 or (workers is not None and workers < 1):
        raise SettingError("--workers and --threads must be at least 1")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    return workers or min(cores, most or cores)
