"""All that is asked of a GPU, in one go of less than eight minutes.

    python benchmarks/gpu.py [--minutes 8] [--rehearse]

1. the tests marked `gpu`; 2. a step of sparse weights, and of AbsTopK, against a dense one, at a
shape that a GPU idles on and at one that fills it, there also with products in TF32; 3. masks in
one stack against one by one; 4. circuits a minute, plain search against fast, and against a stack
of fast ones; 5. ways to the k-th magnitude of rows and of matrices. What time does not allow is
left out, and said; a part that fails does not stop the others.
"""

import importlib.util
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import search
import selection
import stacks
import torch
import tyro
from bench import DENSITY, SMALL, Shape, training_comparisons
from rich.console import Console
from timing import now, table_of

from netseams.core import Device, SettingError, device_named
from netseams.corpora import StdlibConfig, load_corpus
from netseams.discovery import NodeMasks, fit_together
from netseams.models import TransformerConfig
from netseams_recipes.search import fast

LARGE = Shape(
    TransformerConfig(n_layers=8, n_heads=16, d_model=1024, d_mlp=4096, n_ctx=256), batch_size=32
)
HERE = Path(__file__).resolve().parent
TESTS = (
    "tests/test_devices.py", "tests/discovery/test_learner.py", "tests/training/test_stacked.py",
    "tests/training/test_distributed.py",
)  # fmt: skip


def gpu_tests(console: Console, seconds: float) -> None:
    """The end of what pytest says."""
    missing = [m for m in ("pytest", "hypothesis", "beartype") if not importlib.util.find_spec(m)]
    if missing:
        console.print(f"not run: {', '.join(missing)} not installed")
        return
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "-W", "default", *TESTS]
    root = HERE.parent
    paths = os.pathsep.join(["src", "tests", os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths}
    try:
        found = subprocess.run(
            command, cwd=root, env=environment, timeout=seconds, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        console.print(f"stopped after {seconds:.0f} s")
        return
    lines = (found.stdout + found.stderr).splitlines()
    console.print("\n".join(lines[-60:] if found.returncode else lines[-3:]), markup=False)
    if found.returncode:
        raise RuntimeError("tests marked gpu failed")


def steps(console: Console, shape: Shape, device: Device, rounds: int, tf32: bool = False) -> None:
    """Step ratios at one shape."""
    torch.set_float32_matmul_precision("high" if tf32 else "highest")
    try:
        comparisons, _ = training_comparisons(load_corpus(StdlibConfig()), rounds, shape, device)
    finally:
        torch.set_float32_matmul_precision("highest")
    products = "TF32" if tf32 else "float32"
    console.print(f"{shape}; products in {products}; weights at {DENSITY}; {rounds} pairs of steps")
    console.print(table_of(comparisons))


def searches(console: Console, ground: search.Ground, rounds: int, n_stacked: int) -> None:
    """Circuits a minute: plain, fast one by one, and many seeds of fast in one stack."""
    wanted = search.print_searches(console, ground, rounds)
    learners = [
        NodeMasks(fast().model_copy(update={"seed": 1000 + seed})) for seed in range(n_stacked)
    ]
    started = now()
    fit_together(learners, ground.model, ground.task, ground.means, search.TARGETS)
    seconds = now() - started
    sizes = [
        {t: None if c is None else c.n_nodes for t, c in learner.circuits_.items()}
        for learner in learners
    ]
    matched = sum(search.as_small(row[t], wanted[t]) for row in sizes for t in search.TARGETS)
    console.print(
        f"{n_stacked} seeds of fast in one stack: {60 * matched / seconds:.1f} circuits a minute "
        f"({matched} of {n_stacked * len(search.TARGETS)} as small as plain's, {seconds:.1f} s)"
    )


def main(minutes: float = 8.0, rehearse: bool = False) -> None:
    """Run all parts that fit into the time.

    Args:
        minutes: time for everything.
        rehearse: run every part on the CPU, as small as can be; the figures mean nothing.
    """
    started, console = time.perf_counter(), Console(width=120)
    device: Device = "cpu" if rehearse else "cuda"
    try:
        device_named(device)
    except SettingError as error:
        sys.exit(f"benchmarks/gpu.py: {error}")
    torch.set_num_threads(1)
    name = "CPU" if rehearse else torch.cuda.get_device_name()
    console.print(f"{name}, torch {torch.__version__}, Python {sys.version.split()[0]}")
    grounds: list[search.Ground] = []

    def ground() -> search.Ground:
        if not grounds:
            grounds.append(search.ground_on(device, 20 if rehearse else 450))
        return grounds[0]

    def left() -> float:
        return 60 * minutes - (time.perf_counter() - started)

    tiny = Shape(TransformerConfig(n_layers=1, n_heads=4, d_model=64, d_mlp=64), batch_size=1)
    small, large = (tiny, tiny) if rehearse else (SMALL, LARGE)
    rounds = 2 if rehearse else 30
    # Name, seconds that it may need, what to do.
    parts: list[tuple[str, float, Callable[[], None]]] = [
        ("tests marked gpu", 30, lambda: gpu_tests(console, min(180, left()))),
        ("steps, small", 30, lambda: steps(console, small, device, rounds)),
        ("steps, large", 60, lambda: steps(console, large, device, rounds)),
        ("steps, large, TF32", 45, lambda: steps(console, large, device, rounds, tf32=True)),
        ("stacked masks", 60, lambda: search.print_stacked(
            console, ground(), 2 if rehearse else 32, 1)),
        ("searches", 90, lambda: searches(console, ground(), 1, 2 if rehearse else 32)),
        ("stacked networks", 60, lambda: stacks.main(
            members=2 if rehearse else 32, rounds=2 if rehearse else 5, device=device)),
        ("selection", 60, lambda: selection.main(
            rows=64 if rehearse else 4096, rounds=3 if rehearse else 20, device=device)),
    ]  # fmt: skip
    failed: list[str] = []
    for title, seconds, part in parts:
        console.rule(title)
        if left() < seconds:
            console.print(f"left out: {left():.0f} s left, may need {seconds:.0f}")
            continue
        began = time.perf_counter()
        try:
            part()
        except Exception:
            failed.append(title)
            console.print(traceback.format_exc(), markup=False, highlight=False)
        console.print(f"({time.perf_counter() - began:.0f} s)")
    if failed:
        sys.exit(f"benchmarks/gpu.py: failed: {', '.join(failed)}")


if __name__ == "__main__":
    tyro.cli(main)
