"""Training and searching: two stages of a comparison, each from files to a file.

A job whose file exists is not run again; it can run in any process.
"""

from pathlib import Path

from torch import Tensor

from netseams.circuits import Circuit, network_edges, save_circuit
from netseams.comparison.config import Setting
from netseams.comparison.inputs import network_of, task_of
from netseams.comparison.records import Places, SearchRecord
from netseams.comparison.result import CircuitRow, Network, SearchRow
from netseams.core import Device, seed_from
from netseams.discovery import NodeMasks
from netseams.evaluation import sufficiency
from netseams.models import Transformer
from netseams.store import write_text
from netseams.tasks import Task
from netseams.training import Progress, RunConfig, train


def train_job(out: Path, config: RunConfig, device: Device, progress: Progress) -> None:
    """Train one network."""
    train(config, Places(out).run(config), progress, device=device)


def search_job(
    out: Path, setting: Setting, config: RunConfig, network: Network, name: str, device: Device,
    progress: Progress,
) -> None:  # fmt: skip
    """Search one network for circuits of one task, at every target loss.

    Calibration, which costs as much again, is for trained networks only: controls are held
    against circuits without it.
    """
    folder = Places(out).search(config, network, name)
    if (folder / "search.json").exists():
        return
    model, means = network_of(Places(out).run(config), config, network, device)
    task = task_of(config, name)
    seed, calibrate = seed_from(config.seed, "search", name), setting.search.calibrate
    calibrate = calibrate and network == "trained"
    search = setting.search.model_copy(update={"seed": seed, "calibrate": calibrate})
    fitted = NodeMasks(search).fit(model, task, means, setting.targets)
    where = {"corpus": task.corpus, "arm": config.arm, "seed": config.seed, "network": network}
    rows: list[CircuitRow] = []
    for calibrated in (False, True) if calibrate else (False,):
        circuits = fitted.calibrated_circuits_ if calibrated else fitted.circuits_
        for target, circuit in circuits.items():
            path = folder / (f"target-{target:g}" + "-calibrated" * calibrated)
            about = {**where, "task": name, "target": target, "calibrated": calibrated}
            rows.append(_circuit_row(about, circuit, model, task, means, path, out))
    curve = fitted.curve_
    record = SearchRecord(
        search=SearchRow(
            **where,
            task=name,
            curve_nodes=[point.n_nodes for point in curve],
            curve_edges=[point.n_edges for point in curve],
            curve_loss=[point.loss for point in curve],
            best_loss=min(point.loss for point in curve),
            steps=fitted.budget_.steps,
            training_sequences=fitted.budget_.training_sequences,
            evaluations=fitted.budget_.evaluations,
            seconds=fitted.budget_.seconds,
        ),
        circuits=rows,
    )
    write_text(folder / "search.json", record.model_dump_json(indent=1))
    progress(1, 1, "")


def _circuit_row(
    about: dict, circuit: Circuit | None, model: Transformer, task: Task,
    means: dict[str, Tensor], path: Path, out: Path,
) -> CircuitRow:  # fmt: skip
    edges = network_edges(model)
    if circuit is None:
        return CircuitRow(
            **about, network_edges=edges, reached=False, nodes=None, edges=None,
            node_share=None, edge_share=None, loss=None, accuracy=None, path=None,
        )  # fmt: skip
    save_circuit(path, circuit)
    alone = sufficiency(circuit, model, task, "mean", means)
    return CircuitRow(
        **about, network_edges=edges, reached=True, nodes=circuit.n_nodes,
        edges=circuit.n_edges, node_share=circuit.node_share, edge_share=circuit.edge_share,
        loss=alone.loss, accuracy=alone.accuracy, path=path.relative_to(out).as_posix(),
    )  # fmt: skip
