"""What a result was made with: versions, hardware in words, commit."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from netseams.core import Config, Device


class Provenance(Config):
    """Everything outside the config that a number may depend on."""

    netseams: str
    python: str
    torch: str
    numpy: str
    platform: str
    n_cores: int
    threads_per_worker: int
    n_workers: int
    device: str
    commit: str | None = None
    modified: bool | None = None


def provenance(threads_per_worker: int, n_workers: int, device: Device = "cpu") -> Provenance:
    """Read the versions and the machine. The commit is None outside a git checkout."""
    commit, modified = _commit()
    return Provenance(
        netseams=_version("netseams"),
        python=platform.python_version(),
        torch=torch.__version__,
        numpy=_version("numpy"),
        platform=f"{platform.system()} {platform.machine()}",
        n_cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
        threads_per_worker=threads_per_worker,
        n_workers=n_workers,
        device=device,
        commit=commit,
        modified=modified,
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def _commit() -> tuple[str | None, bool | None]:
    here = Path(__file__).resolve().parent
    try:
        head = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, timeout=10
        )
        if head.returncode != 0:
            return None, None
        state = subprocess.run(
            ["git", "status", "--porcelain", "--untracked-files=no"],
            cwd=here,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None, None
    return head.stdout.strip(), bool(state.stdout.strip())
