"""The main table: one row for every task and arm, at the primary target."""

from collections.abc import Iterable

from netseams.comparison.config import CompareConfig, Setting
from netseams.comparison.controls import beaten
from netseams.comparison.evidence import Evidence, estimate
from netseams.comparison.result import Estimate, RouteRow, TaskFacts
from netseams.evaluation import necessity
from netseams.interventions import ABLATIONS, AblationKind


def route_rows(config: CompareConfig, evidence: Evidence) -> list[RouteRow]:
    """Rows in the order corpus, task, arm."""
    return [
        _row(setting, arm, fact, evidence, config.seeds)
        for setting in config.settings
        for fact in evidence.tasks
        if fact.corpus == setting.corpus.kind and fact.missing is None
        for arm in setting.arm_names
    ]


def _row(
    setting: Setting, arm: str, fact: TaskFacts, evidence: Evidence, seeds: Iterable[int]
) -> RouteRow:
    corpus, task = fact.corpus, fact.name
    label = f"{corpus} {arm} {task}"
    seeds = list(seeds)
    scores = {seed: evidence.score(corpus, arm, seed, task) for seed in seeds}
    circuits = {
        seed: evidence.circuit(corpus, arm, seed, "trained", task, setting.primary_target)
        for seed in seeds
    }
    reached = [seed for seed in seeds if circuits[seed].reached]

    def over_circuits(name: str, log: bool = False) -> Estimate | None:
        values = {seed: [float(getattr(circuits[seed], name))] for seed in reached}
        return estimate(values, f"{label} {name}", log)

    def over_calibrated(name: str) -> Estimate | None:
        if not evidence.calibrated(corpus):
            return None
        key = ("trained", task, setting.primary_target, True)
        rows = {seed: evidence.circuit(corpus, arm, seed, *key) for seed in seeds}
        values = {seed: [float(getattr(row, name))] for seed, row in rows.items() if row.reached}
        return estimate(values, f"{label} calibrated {name}", log=True)

    def over_rows(field: str, **wanted: object) -> Estimate | None:
        values = {
            seed: [getattr(r, field) for r in evidence.rows(corpus, arm, seed, task, **wanted)]
            for seed in reached
        }
        return estimate(values, f"{label} {field} {sorted(wanted.items())}")

    def kept(field: str) -> dict[AblationKind, Estimate] | None:
        found: dict[AblationKind, Estimate | None] = {
            kind: over_rows(field, question="keep", part="whole", ablation=kind)
            for kind in ABLATIONS
        }
        return _complete(found)

    def removed(part: str) -> dict[AblationKind, Estimate] | None:
        found: dict[AblationKind, Estimate | None] = {}
        for kind in ABLATIONS:
            values: dict[int, list[float]] = {}
            for seed in reached:
                rows = evidence.rows(
                    corpus, arm, seed, task, question="remove", part=part, ablation=kind, task=task
                )
                drops = [
                    necessity(scores[seed].accuracy, row.accuracy or 0.0, fact.floor_accuracy)
                    for row in rows
                ]
                values[seed] = [drop for drop in drops if drop is not None]
            found[kind] = estimate(values, f"{label} remove {part} {kind}")
        return _complete(found)

    better = {
        seed: [scores[seed].loss - loss]
        for seed in reached
        if (loss := circuits[seed].loss) is not None
    }
    network_accuracy = estimate({s: [scores[s].accuracy] for s in seeds}, f"{label} accuracy")
    network_loss = estimate({s: [scores[s].loss] for s in seeds}, f"{label} loss")
    assert network_accuracy is not None
    assert network_loss is not None
    return RouteRow(
        corpus=corpus,
        arm=arm,
        task=task,
        n_seeds=len(seeds),
        n_learned=sum(score.learned for score in scores.values()),
        n_reached=len(reached),
        network_accuracy=network_accuracy,
        network_loss=network_loss,
        nodes=over_circuits("nodes", log=True),
        edges=over_circuits("edges", log=True),
        node_share=over_circuits("node_share", log=True),
        edge_share=over_circuits("edge_share", log=True),
        sufficiency_accuracy=kept("accuracy"),
        sufficiency_loss=kept("loss"),
        necessity=removed("whole"),
        necessity_random=removed("random"),
        agreement=over_rows("value", question="agreement", ablation="mean"),
        calibrated_nodes=over_calibrated("nodes"),
        calibrated_edges=over_calibrated("edges"),
        better_than_network=estimate(better, f"{label} better"),
        next_token_rise=over_rows("value", question="next_token_rise"),
        random_loss=over_rows("loss", question="keep", part="random", ablation="mean"),
        random_edges=over_rows("n_edges", question="keep", part="random", ablation="mean"),
        beats=beaten(setting, arm, task, evidence, reached, len(seeds)),
    )


def _complete(
    found: dict[AblationKind, Estimate | None],
) -> dict[AblationKind, Estimate] | None:
    present: dict[AblationKind, Estimate] = {
        kind: value for kind, value in found.items() if value is not None
    }
    return present if len(present) == len(found) else None
