"""`netseams discover --model`: subnetworks of somebody's pretrained network."""

import warnings
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from netseams.circuits import save_circuit
from netseams.cli.parse import call
from netseams.cli.progress import console
from netseams.comparison.subnetworks import Searched, Subnetworks, find_subnetworks
from netseams.core import Device, SettingError
from netseams.corpora.prompts import load_tokenizer
from netseams.models import Precision, load_hooked
from netseams.store import write_text
from netseams.tasks import load_prompted_task
from netseams_recipes import search_recipe


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""
    return call(_discover, arguments, "discover --model")


def _discover(
    model: str,
    task: Path,
    out: Path,
    targets: tuple[float, ...] = (0.05, 0.15, 0.3),
    dtype: Precision = "float32",
    device: Device = "cpu",
    encoder: bool = False,
    steps: int = 200,
    seed: int = 0,
    threads: int = 1,
    search: str = "ramp",
) -> int:
    """Find the smallest subnetworks of a Hugging Face model for a behaviour, and its controls'.

    Args:
        model: Folder with config.json and weights, or owner/name on the hub.
        task: A YAML file: two answers, and pairs of texts or a template (docs/your-model.md).
        out: Folder for the circuits and for discover.json.
        targets: Losses in nats, on the task's select split.
        dtype: Precision of weights and activations.
        device: cpu or cuda.
        encoder: Take the encoder without its head and ask which class mean is nearest.
        steps: Steps of mask training, for the network and for its twin.
        seed: Seed of the search and of the twin's weights.
        threads: Torch threads.
        search: Settings of the search: plain (the paper's), ramp (the presets') or fast.
    """
    if steps < 1 or any(target <= 0 for target in targets):
        raise SettingError("--steps must be at least 1, every target above 0 nats")
    settings = search_recipe(search, steps, seed)
    torch.set_num_threads(threads)
    terminal = console()
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        network = load_hooked(model, dtype, device, encoder)
        asked = load_prompted_task(task, network, load_tokenizer(model))
    for note in notes:
        _say(terminal, f"note: {note.message}")
    found, circuits = find_subnetworks(
        network, asked, settings, targets, lambda text: _say(terminal, text)
    )
    for name, kept in (("", circuits.network), ("untrained", circuits.untrained)):
        for target, circuit in kept.items():
            if circuit is not None:
                save_circuit(out / name / f"target-{target:g}", circuit)
    write_text(out / "discover.json", found.model_dump_json(indent=2))
    _print(terminal, found)
    _say(terminal, f"-> {out}")
    return 0


def _print(terminal: Console, found: Subnetworks) -> None:
    n = ", ".join(f"{size} {split}" for split, size in found.pairs.items())
    _say(
        terminal,
        f"{found.task}: {found.question} Pairs: {n}. Accuracy {found.network.whole.accuracy:.3f}, "
        f"floor {found.floor_accuracy:.3f}; re-initialised {found.untrained.whole.accuracy:.3f}. "
        "Ablated nodes are held at their means over the task's own inputs.",
    )
    table = Table(
        title="Accuracies on the report split, ablated to the mean; twin: re-initialised, with a "
        "search of its own",
        show_edge=False,
    )
    for column in ("nats", "network", "nodes", "edges", "alone", "without", "random", "w/o random"):
        table.add_column(column, justify="right")
    for name, searched in (("given", found.network), ("twin", found.untrained)):
        for target in searched.circuits:
            table.add_row(target, name, *_cells(searched, target))
    terminal.print(table)


def _cells(searched: Searched, target: str) -> list[str]:
    circuit = searched.circuits[target]
    if circuit is None:
        return [f"none (best {searched.best_loss:.2f})"]
    mean = circuit.scores["mean"]
    return [
        f"{circuit.n_nodes} ({100 * circuit.node_share:.2g} %)",
        f"{circuit.n_edges} ({100 * circuit.edge_share:.2g} %)",
        f"{mean.alone.accuracy:.3f}",
        f"{mean.without.accuracy:.3f}",
        f"{mean.random_alone:.3f}",
        f"{mean.random_without:.3f}",
    ]


def _say(terminal: Console, text: str) -> None:
    terminal.print(text, soft_wrap=True, highlight=False, markup=False)
