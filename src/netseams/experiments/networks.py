"""What experiments on trained networks share: arms, a cell that trains, a search of one task."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import model_validator
from torch import Tensor

from netseams.circuits import Circuit
from netseams.core import seed_from
from netseams.discovery import METHODS, Method, NodeMaskConfig, NodeMasks
from netseams.evaluation import is_learned, score_network
from netseams.experiments.experiment import ExperimentConfig, Row
from netseams.interventions import untrained_twin
from netseams.models import Transformer
from netseams.tasks import Task
from netseams.training import Progress, RunConfig, Sparsity, TrainedRun, open_run, train

NetworkKind = Literal["trained", "untrained"]
NETWORKS: tuple[NetworkKind, ...] = ("trained", "untrained")


class ArmsConfig(ExperimentConfig):
    """Arms that are compared."""

    arms: dict[str, Sparsity]
    """Name -> how its networks are trained; the first is the reference."""

    @model_validator(mode="after")
    def _two_arms(self) -> "ArmsConfig":
        if len(self.arms) < 2:
            raise ValueError(f"this experiment compares two arms or more, got {list(self.arms)}")
        return self

    def run_in(self, run: RunConfig, arm: str, seed: int) -> RunConfig:
        """`run` as `arm` trains it, with another seed."""
        train_config = run.train.model_copy(update={"sparsity": self.arms[arm]})
        return run.model_copy(update={"train": train_config, "seed": seed})


def train_network(out: Path, run: RunConfig, progress: Progress) -> list[Row]:
    """One network; a cell without rows."""
    train(run, _folder(out, run), progress)
    return []


def training_of(out: Path, run: RunConfig) -> TrainedRun:
    """What `train_network` has left."""
    return open_run(_folder(out, run))


def network(out: Path, run: RunConfig, kind: NetworkKind) -> Transformer:
    """Its network, or that one's untrained twin."""
    model = training_of(out, run).load()
    return model if kind == "trained" else untrained_twin(model, seed_from(run.seed, "untrained"))


def method_named(name: str, node_masks: NodeMaskConfig, **settings: Any) -> Method:
    """A method at its defaults (node masks at `node_masks`), with those `settings` that it knows.

    Raises:
        UnknownNameError: no such method.
    """
    method: Any = NodeMasks(node_masks) if name == "node_masks" else METHODS[name]()
    known = {k: v for k, v in settings.items() if k in type(method.config).model_fields}
    return type(method)(method.config.model_copy(update=known))


def circuit_at(
    target: float, model: Transformer, task: Task, means: Mapping[str, Tensor],
    config: NodeMaskConfig, seed: int, method: str = "node_masks",
) -> tuple[Circuit | None, Row]:  # fmt: skip
    """The smallest circuit of `task` at a target loss in nats, and what a row says of it."""
    search = method_named(method, config, seed=seed_from(seed, "search", task.name))
    fitted = search.fit(model, task, means, (target,))
    circuit = fitted.circuits_[target]
    accuracy = score_network(model, task).accuracy
    return circuit, {
        "task": task.name,
        "accuracy": accuracy,
        "learned": is_learned(accuracy, task.floor_accuracy),
        "nodes": None if circuit is None else circuit.n_nodes,
        "edges": None if circuit is None else circuit.n_edges,
        "best_loss": min(point.loss for point in fitted.curve_),
    }


def _folder(out: Path, run: RunConfig) -> Path:
    return out / "runs" / f"{run.corpus.kind}-{run.arm}-{run.seed}-{run.digest()}"
