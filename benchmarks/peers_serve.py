"""What the other sides of `peers.py` share: jobs come in, answers go out, a line of JSON each."""

import json
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import safe_open
from torch import Tensor

Found = dict[str, Any]


class Jobs(Protocol):
    """Every method is a job, and makes all that it needs anew."""

    def named(self, found: Found) -> Found:
        """Scores by the names of links in netseams, `a0.h1->m2`; outside the timing."""
        ...


def read(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Weights and pairs as netseams has them, and the shape of the network."""
    with safe_open(folder / "network.safetensors", framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return tensors, json.loads(file.metadata()["shape"])


def serve(kind: type[Jobs], packages: tuple[str, ...]) -> None:
    """Say the versions of some packages, then do job after job on the folder that is named."""
    torch.set_num_threads(1)
    # Libraries print as they like; answers go out on the output as it was.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    jobs = kind(Path(sys.argv[1]))  # pyright: ignore[reportCallIssue]
    print(json.dumps({name: version(name) for name in packages}), file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        job = getattr(jobs, asked.pop("job"))
        cpu, wall = time.process_time(), time.perf_counter()
        found = job(**asked)
        seconds = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
        print(json.dumps(jobs.named(found) | seconds), file=answers, flush=True)
