"""Are circuits of either route real? Every circuit of every network goes through the audit.

Ordinary and weight-sparse networks of the same seeds learn three operations on the same operands;
circuits of all three are searched in each, and in untrained twins, and every one that is found is
audited: controls with searches of their own, removal, stress, stability.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from netseams.audit import AuditCard, AuditConfig, Subject, audit
from netseams.circuits import network_edges, save_circuit
from netseams.corpora import load_corpus
from netseams.discovery import NodeMaskConfig
from netseams.experiments.audits_findings import audits_findings
from netseams.experiments.experiment import EXPERIMENTS, Cell, Experiment, Row
from netseams.experiments.networks import (
    NETWORKS,
    ArmsConfig,
    NetworkKind,
    circuit_at,
    network,
    train_network,
)
from netseams.interventions import mean_activations
from netseams.tasks import build_task
from netseams.training import Progress, RunConfig


class AuditedArms(ArmsConfig):
    """One language whose tasks have the same kind of input, and what is asked in its networks."""

    run: RunConfig
    """Its seed and `train.sparsity` are replaced by those of the cell."""
    tasks: tuple[str, ...] = Field(min_length=2)
    search: NodeMaskConfig = NodeMaskConfig()
    """The one search that every network gets."""
    target: float = Field(default=0.15, gt=0)
    """Loss on the select split at which circuits are taken, in nats."""
    audit: AuditConfig = AuditConfig()


class AuditsConfig(AuditedArms):
    """Every check of the audit."""

    kind: Literal["audits"] = "audits"


@EXPERIMENTS.register("audits")
class Audits(Experiment[AuditsConfig]):
    """Circuits of both routes before the same battery."""

    name = "audits"
    question = "Is either kind of circuit real, and is the forced kind more so?"
    primary_metric = (
        "mean place of a network's circuits on the ladder of words (0 none .. 5 robust; a circuit "
        "that was not found has 0); weight_sparse minus dense, paired by training seed"
    )

    def cells(self, config: AuditsConfig) -> list[Cell]:
        trainings: list[Cell] = []
        audits: list[Cell] = []
        for seed in config.seeds:
            for arm in config.arms:
                run = config.run_in(config.run, arm, seed)
                trained = Cell(f"train {arm} seed {seed}", train_network, (run,))
                trainings.append(trained)
                for kind in NETWORKS:
                    for task in config.tasks:
                        name = f"audit {arm} seed {seed} {kind} {task}"
                        arguments = (config, arm, seed, kind, task, None)
                        audits.append(Cell(name, audited, arguments, (trained.name,)))
        return [*trainings, *audits]

    def findings(self, config: AuditsConfig, rows: Sequence[Row]) -> Any:
        return audits_findings(self, config.seeds, list(config.arms), rows)


def audited(
    out: Path, config: AuditedArms, arm: str, seed: int, kind: NetworkKind, name: str,
    checks: tuple[str, ...] | None, progress: Progress,
) -> list[Row]:  # fmt: skip
    """One task's circuit in one network, and its card; `checks` None: all of them."""
    run = config.run_in(config.run, arm, seed)
    model, corpus = network(out, run, kind), load_corpus(run.corpus)
    means = mean_activations(model, corpus)
    tasks = {other: build_task(other, corpus, run.model.n_ctx) for other in config.tasks}
    circuit, row = circuit_at(config.target, model, tasks[name], means, config.search, seed)
    row = {
        "arm": arm, "seed": seed, "network": kind, **row, "found": circuit is not None,
        "edges_in_network": network_edges(model),
    }  # fmt: skip
    if circuit is None:
        return [{**row, "word": "none", "rung": 0, "tests": {}}]
    save_circuit(out / "circuits" / f"{arm}-{seed}-{kind}" / name, circuit)
    siblings = tuple(task for other, task in tasks.items() if other != name)
    subject = Subject(
        circuit, model, tasks[name], means, corpus, siblings, config.search,
        config.audit.model_copy(update={"seed": seed}),
    )  # fmt: skip
    return [{**row, **card_row(audit(subject, checks, progress))}]


def card_row(card: AuditCard) -> Row:
    """What a row keeps of a card."""
    return {
        "word": card.word,
        "rung": card.rung,
        "tests": {
            f.check: {
                "outcome": f.outcome, "value": f.value, "control": f.control, "detail": f.detail,
                "seconds": f.seconds,
            }
            for f in card.findings
        },
    }  # fmt: skip
