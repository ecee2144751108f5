"""Everything that is asked of bridges, beside its controls, in one file.

Controls of the hybrids: constant maps (the mean residual), ridge maps (no tail losses), and an
untrained sparse network with maps trained at the same budget. The last one tells how much is
owed to residuals that only pass through: hybrids of two untrained networks would tell nothing,
since none of them has anything to lose.
"""

from collections.abc import Sequence
from typing import Literal

from netseams.core import Config
from netseams.corpora import Corpus
from netseams.evaluation.bridges import HybridLosses, hybrid_losses, unfaithfulness
from netseams.evaluation.steering import Steering, SteeringConfig, steering
from netseams.interventions import untrained_twin
from netseams.models import Transformer
from netseams.models.bridge import Bridges
from netseams.store import write_text
from netseams.tasks import Task
from netseams.training.bridge_maps import constant_bridges, ridge_bridges
from netseams.training.bridges import TrainedBridges, train_bridges
from netseams.training.run import Progress


class HybridMeasure(Config):
    """Hybrids under one set of maps."""

    losses: HybridLosses
    mean_excess: float
    """Nats above the better network."""
    unfaithfulness: float
    """0: bridges cost nothing; 1: as much as constants."""


class SteeringMeasure(Config):
    """Steering of one task, and the same through an untrained sparse network at equal norm."""

    task: str
    trained: Steering
    trained_area: float
    """Mean rise of P(other answer) over the strengths, beyond random directions."""
    untrained: Steering
    untrained_area: float


class BridgeMeasures(Config):
    """What was found. Exploratory: one pair of networks, no interval."""

    format: Literal["netseams.bridge_measures"] = "netseams.bridge_measures"
    version: Literal["1"] = "1"
    dense: str
    """Fingerprint."""
    sparse: str
    hybrids: dict[Literal["trained", "ridge", "untrained"], HybridMeasure]
    constant: HybridLosses
    """The same hybrids with constant maps: what `unfaithfulness` divides by."""
    steering: tuple[SteeringMeasure, ...]


def measure_bridges(
    found: TrainedBridges,
    corpus: Corpus,
    tasks: Sequence[Task] = (),
    config: SteeringConfig | None = None,
    progress: Progress | None = None,
) -> BridgeMeasures:
    """Measure bridges and their controls, and write `measures.json` beside them.

    The untrained control is trained into `controls/untrained`, and not again where it is there.

    Raises:
        SettingError: networks that learned nothing: constant maps cost nothing.
        StorageError: no space, or the folder cannot be written.
    """
    dense, sparse = found.dense, found.sparse
    frozen = {"sparse": None, "dense": None, "sparse_start": "trained"}
    settings = found.config.bridges
    control = train_bridges(
        settings.model_copy(update=frozen),
        dense,
        untrained_twin(sparse, settings.seed + 1),
        corpus,
        found.folder / "controls" / "untrained",
        progress,
    )
    ridge = ridge_bridges(dense, sparse, corpus, settings.ridge, settings.encoder_density)
    constant = hybrid_losses(constant_bridges(dense, sparse, corpus), dense, sparse, corpus)
    measures = BridgeMeasures(
        dense=found.result.dense,
        sparse=found.result.sparse,
        hybrids={
            "trained": _hybrids(found.bridges, dense, sparse, corpus, constant),
            "ridge": _hybrids(ridge, dense, sparse, corpus, constant),
            "untrained": _hybrids(control.bridges, dense, control.sparse, corpus),
        },
        constant=constant,
        steering=tuple(_steering(found, control, task, config) for task in tasks),
    )
    write_text(found.folder / "measures.json", measures.model_dump_json(indent=2))
    return measures


def _hybrids(
    bridges: Bridges,
    dense: Transformer,
    sparse: Transformer,
    corpus: Corpus,
    constant: HybridLosses | None = None,
) -> HybridMeasure:
    losses = hybrid_losses(bridges, dense, sparse, corpus)
    if constant is None:
        constant = hybrid_losses(constant_bridges(dense, sparse, corpus), dense, sparse, corpus)
    return HybridMeasure(
        losses=losses,
        mean_excess=losses.mean_excess,
        unfaithfulness=unfaithfulness(losses, constant),
    )


def _steering(
    found: TrainedBridges, control: TrainedBridges, task: Task, config: SteeringConfig | None
) -> SteeringMeasure:
    trained = steering(found.bridges, found.dense, found.sparse, task, config)
    untrained = steering(
        control.bridges, control.dense, control.sparse, task, config, trained.relative_norm
    )
    return SteeringMeasure(
        task=task.name,
        trained=trained,
        trained_area=trained.area,
        untrained=untrained,
        untrained_area=untrained.area,
    )
