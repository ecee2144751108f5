"""`netseams discover`: circuits of one task in one trained network."""

from pathlib import Path
from typing import Annotated

import torch
import tyro

from netseams.circuits import save_circuit
from netseams.cli.parse import call
from netseams.cli.progress import console
from netseams.core import Device, SettingError, device_named
from netseams.corpora import load_corpus
from netseams.discovery import HyperSearch, NodeMasks
from netseams.interventions import mean_activations
from netseams.tasks import build_task
from netseams.training import open_run
from netseams_recipes import search_recipe


def run(arguments: list[str]) -> int:
    """Parse and run the verb; `--model` asks for somebody else's network."""
    if any(argument.split("=")[0] == "--model" for argument in arguments):
        from netseams.cli.discover_model import run as run_on_model

        return run_on_model(arguments)
    return call(_discover, arguments, "discover")


def _discover(
    network: Annotated[Path, tyro.conf.Positional],
    task: Annotated[str, tyro.conf.Positional],
    out: Path | None = None,
    targets: tuple[float, ...] = (0.05, 0.15, 0.3),
    steps: int = 200,
    seed: int = 0,
    threads: int = 1,
    device: Device = "cpu",
    search: str = "ramp",
    trials: int = 1,
) -> int:
    """Find the smallest circuits of a task at several target losses.

    For a Hugging Face model: `netseams discover --model NAME_OR_FOLDER --task FILE --out FOLDER`.

    Args:
        network: Folder of a finished training run.
        task: Name of a task, such as quote_close or reverse.
        out: Folder for the circuits; RUN/circuits/TASK by default.
        targets: Losses in nats, on the task's select split.
        steps: Steps of mask training.
        seed: Seed of the search.
        threads: Torch threads.
        device: cpu or cuda.
        search: Settings of the search: plain (the paper's), ramp (the presets') or fast.
        trials: Searches with settings drawn around those; all of them go to trials.jsonl, from
            where the same command goes on, and the smallest circuit of all is kept.
    """
    if steps < 1 or trials < 1 or any(target <= 0 for target in targets):
        raise SettingError("--steps and --trials must be at least 1, every target above 0 nats")
    settings = search_recipe(search, steps, seed)
    torch.set_num_threads(threads)
    where = device_named(device)
    finished = open_run(network)
    corpus = load_corpus(finished.config.corpus)
    cut = build_task(task, corpus, finished.config.model.n_ctx)
    model = finished.load().to(where)
    means = mean_activations(model, corpus)
    terminal = console()
    folder = out or network / "circuits" / cut.name
    if trials == 1:
        fitted = NodeMasks(settings).fit(model, cut, means, targets)
        circuits, best = fitted.circuits_, min(point.loss for point in fitted.curve_)
    else:

        def said(done: int, total: int, word: str) -> None:
            terminal.print(f"trial {done}/{total}: {word}")

        record = folder / "trials.jsonl"
        tuned = HyperSearch(settings, trials).fit(model, cut, means, targets, record, said)
        circuits, best = tuned.circuits_, min(trial.best_loss for trial in tuned.trials_)
    for target, circuit in circuits.items():
        if circuit is None:
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
