"""`netseams evaluate`: questions to one circuit."""

from pathlib import Path
from typing import Annotated

import tyro
from rich.table import Table

from netseams.circuits import load_circuit, random_circuit
from netseams.cli.parse import call
from netseams.cli.progress import console
from netseams.core import Device, device_named
from netseams.corpora import load_corpus
from netseams.evaluation import agreement, removal_scores, score_network, sufficiency
from netseams.interventions import ABLATIONS, mean_activations
from netseams.tasks import build_task
from netseams.training import open_run


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""
    return call(_evaluate, arguments, "evaluate")


def _evaluate(
    circuit: Annotated[Path, tyro.conf.Positional],
    network: Path,
    seed: int = 0,
    device: Device = "cpu",
) -> int:
    """Score a circuit alone and the network without it, beside a random mask of equal size.

    Sufficiency alone is not evidence; `netseams compare` also searches untrained networks.

    Args:
        circuit: Folder of a circuit (with circuit.json and masks.safetensors).
        network: Folder of the training run that it was found in.
        seed: Seed of the random mask.
        device: cpu or cuda.
    """
    where = device_named(device)
    found = load_circuit(circuit)
    finished = open_run(network)
    model = finished.load().to(where)
    found.check_model(model)
    corpus = load_corpus(finished.config.corpus)
    task = build_task(found.task, corpus, finished.config.model.n_ctx)
    means = mean_activations(model, corpus)
    random = random_circuit(found, model, seed)
    whole = score_network(model, task)
    table = Table(
        title=f"{found.task}: {found.n_nodes} nodes, {found.n_edges} edges; whole network "
        f"accuracy {whole.accuracy:.3f}, floor {task.floor_accuracy:.3f}"
    )
    for column in ("ablation", "alone", "without it", "random alone", "without random", "agrees"):
        table.add_column(column, justify="right")
    for kind in ("zero",) if found.granularity == "weights" else ABLATIONS:
        cells = [
            sufficiency(found, model, task, kind, means).accuracy,
            removal_scores(found, model, [task], kind, means)[0].accuracy,
            sufficiency(random, model, task, kind, means).accuracy,
            removal_scores(random, model, [task], kind, means)[0].accuracy,
            agreement(found, model, task, kind, means).same_answer,
        ]
        table.add_row(kind, *(f"{cell:.3f}" for cell in cells))
    console().print(table)
    return 0
