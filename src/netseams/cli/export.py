"""`netseams export`: a circuit as a small module of its own."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro
from torch import Tensor

from netseams.circuits import (
    OnnxCircuit,
    check_difference,
    difference_from_masked,
    export_onnx,
    export_torch,
    load_circuit,
    load_compiled,
)
from netseams.cli.parse import call
from netseams.cli.progress import console
from netseams.core import SettingError
from netseams.corpora import load_corpus
from netseams.interventions import masked_hooks, mean_activations
from netseams.tasks import build_task
from netseams.training import open_run


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""
    return call(_export, arguments, "export")


def _export(
    circuit: Annotated[Path, tyro.conf.Positional],
    run: Path,
    out: Path,
    to: Literal["torch", "onnx"] = "torch",
    threads: int = 1,
) -> int:
    """Write what a circuit computes, nodes outside it at their means, and check the file.

    A calibrated circuit is written with its calibration.

    Args:
        circuit: Folder of a circuit (with circuit.json and masks.safetensors).
        run: Folder of the training run that it was found in.
        out: Folder for the torch files, or the .onnx file.
        to: torch (safetensors and the code that runs it) or onnx.
        threads: Torch threads.
    """
    if to == "onnx" and out.suffix != ".onnx":
        raise SettingError(f"--to onnx writes one file: --out must end in .onnx, got {out}")
    torch.set_num_threads(threads)
    found, finished = load_circuit(circuit), open_run(run)
    model = finished.load()
    found.check_model(model)
    corpus = load_corpus(finished.config.corpus)
    task = build_task(found.task, corpus, model.cfg.n_ctx)
    means = mean_activations(model, corpus)
    written: Callable[[Tensor], Tensor]
    if to == "onnx":
        export_onnx(found, model, means, out, task.candidates)
        written, file = OnnxCircuit(out), out
    else:
        export_torch(found, model, means, out, task.candidates)
        written, file = load_compiled(out), out / "circuit.safetensors"
    tokens, _ = task.rows("report")
    difference = difference_from_masked(written, found, model, means, tokens, task.candidates)
    check_difference(difference, near_ties=model.cfg.activation_density is not None)
    batch, hooks = tokens[:64], masked_hooks(found.nodes, means)
    alone = _milliseconds(lambda: written(batch))
    masked = _milliseconds(lambda: model.run_with_hooks(batch, hooks))
    (stored,) = finished.folder.glob("model.*")  # a packed run has another file
    whole = stored.stat().st_size
    console().print(
        f"{found.task}: {found.n_nodes} nodes, {found.n_edges} edges"
        + ", calibrated" * (found.calibration is not None)
        + f" -> {out}\n"
        f"{file.stat().st_size / 1e3:.0f} kB (its network: {whole / 1e3:.0f} kB); "
        f"{alone:.1f} ms for {len(batch)} rows (masked network: {masked:.1f} ms)\n"
        f"largest difference from the masked network in any logit, over {len(tokens)} rows of the "
        f"report split: {difference.largest:.1e}"
        + (
            f"; {difference.beyond} positions settle a near-tie otherwise" * bool(difference.beyond)
        ),
        soft_wrap=True,
    )
    return 0


def _milliseconds(call: Callable[[], object], repeats: int = 5) -> float:
    """The quickest of some calls."""
    seconds: list[float] = []
    with torch.no_grad():
        for _ in range(repeats):
            started = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - started)
    return 1e3 * min(seconds)
