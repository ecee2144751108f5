"""`netseams discover`: circuits of one task in one trained network."""

from pathlib import Path
from typing import Annotated

import torch
import tyro

from netseams.circuits import save_circuit
from netseams.cli.parse import call
from netseams.cli.progress import console
from netseams.core import SettingError
from netseams.corpora import load_corpus
from netseams.discovery import NodeMaskConfig, NodeMasks
from netseams.interventions import mean_activations
from netseams.tasks import build_task
from netseams.training import open_run


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""
    return call(_discover, arguments, "discover")


def _discover(
    network: Annotated[Path, tyro.conf.Positional],
    task: Annotated[str, tyro.conf.Positional],
    out: Path | None = None,
    targets: tuple[float, ...] = (0.05, 0.15, 0.3),
    steps: int = 200,
    seed: int = 0,
    threads: int = 1,
) -> int:
    """Find the smallest circuits of a task at several target losses.

    Args:
        network: Folder of a finished training run.
        task: Name of a task, such as quote_close or reverse.
        out: Folder for the circuits; RUN/circuits/TASK by default.
        targets: Losses in nats, on the task's select split.
        steps: Steps of mask training.
        seed: Seed of the search.
        threads: Torch threads.
    """
    if steps < 1 or any(target <= 0 for target in targets):
        raise SettingError("--steps must be at least 1 and every target above 0 nats")
    torch.set_num_threads(threads)
    finished = open_run(network)
    corpus = load_corpus(finished.config.corpus)
    cut = build_task(task, corpus, finished.config.model.n_ctx)
    model = finished.load()
    search = NodeMaskConfig(steps=steps, batch_size=32, price_end=1e-2, seed=seed)
    fitted = NodeMasks(search).fit(model, cut, mean_activations(model, corpus), targets)
    terminal = console()
    folder = out or network / "circuits" / task
    for target, circuit in fitted.circuits_.items():
        if circuit is None:
            best = min(point.loss for point in fitted.curve_)
            terminal.print(f"{target:g} nats: not reached at any size (best {best:.3f})")
            continue
        path = folder / f"target-{target:g}"
        save_circuit(path, circuit)
        terminal.print(
            f"{target:g} nats: {circuit.n_nodes} nodes ({100 * circuit.node_share:.2g} %), "
            f"{circuit.n_edges} edges ({100 * circuit.edge_share:.2g} %) -> {path}",
            soft_wrap=True,
        )
    return 0
