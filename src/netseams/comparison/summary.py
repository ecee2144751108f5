"""Files of all jobs -> one `Comparison`, and `measurements.jsonl` beside it."""

import json
from pathlib import Path

from netseams.comparison.answer import answer
from netseams.comparison.arms import arm_rows
from netseams.comparison.config import CompareConfig, Setting
from netseams.comparison.drawing import drawings
from netseams.comparison.evidence import Evidence
from netseams.comparison.limits import limits
from netseams.comparison.matching import size_ratios
from netseams.comparison.matrices import specificity_matrices
from netseams.comparison.records import Measurement, Places, RunMeasures, SearchRecord
from netseams.comparison.result import (
    Comparison,
    CorpusFacts,
    Cost,
    TaskFacts,
)
from netseams.comparison.routes import route_rows
from netseams.corpora import load_corpus
from netseams.evaluation import MIN_SEEDS_FOR_INTERVAL
from netseams.store import Provenance, write_text


def primary_metric(config: CompareConfig) -> str:
    """What the answer rests on, fixed by the config before a run."""
    over = {(s.pairs[0] if len(s.arms) == 2 else (s.arms[0].name, "")) for s in config.settings}
    reference, other = over.pop() if len(over) == 1 else ("the first arm", "")
    pair = f"{reference} over {other or 'each other arm'}".replace("_", "-")
    return (
        f"Edges of the smallest circuit at the primary target loss, {pair}: "
        "geometric mean over the tasks that both arms learned and reached, interval over training "
        "seeds; read together with its split into density and selection."
    )


def summarize(
    config: CompareConfig,
    out: Path,
    tasks: list[TaskFacts],
    command: str,
    made_with: Provenance,
    wall: float,
) -> Comparison:
    """Read what every job left and put it side by side.

    Raises:
        FileFormatError: a job's file is missing or damaged.
    """
    evidence = _collect(config, out, tasks)
    _write_measurements(out, evidence)
    routes = route_rows(config, evidence)
    ratios = [r for s in config.settings for r in size_ratios(s, evidence, config.seeds)]
    arms = [row for s in config.settings for row in arm_rows(s, evidence, config.seeds)]
    matrices = specificity_matrices(config, evidence)
    exploratory = len(config.seeds) < MIN_SEEDS_FOR_INTERVAL
    return Comparison(
        preset=config.preset,
        command=command,
        exploratory=exploratory,
        n_seeds=len(config.seeds),
        primary_metric=primary_metric(config),
        answer=answer(config, ratios, routes, matrices),
        limits=limits(config, evidence, routes),
        corpora=[_corpus_facts(setting) for setting in config.settings],
        tasks=tasks,
        settings=[setting.model_dump(mode="json") for setting in config.settings],
        arms=arms,
        networks=[measures.network for measures in evidence.measures],
        ratios=ratios,
        routes=routes,
        matrices=matrices,
        circuits=[row for record in evidence.searches for row in record.circuits],
        searches=[record.search for record in evidence.searches],
        drawings=drawings(config, out, evidence),
        cost=Cost(
            training=sum(m.network.train_seconds for m in evidence.measures),
            searching=sum(record.search.seconds for record in evidence.searches),
            evaluating=sum(m.seconds for m in evidence.measures),
            wall=wall,
        ),
        provenance=made_with,
    )


def _collect(config: CompareConfig, out: Path, tasks: list[TaskFacts]) -> Evidence:
    places = Places(out)
    searches: list[SearchRecord] = []
    measures: list[RunMeasures] = []
    for setting in config.settings:
        names = [t.name for t in tasks if t.corpus == setting.corpus.kind and t.missing is None]
        for arm in setting.arm_names:
            for seed in config.seeds:
                run = setting.run(arm, seed)
                # Files are about a run, which two arms may share; rows are about an arm.
                measures.append(RunMeasures.read(places.measures(run)).of_arm(arm))
                searches += [
                    SearchRecord.read(places.search(run, network, name) / "search.json").of_arm(arm)
                    for network in setting.networks
                    for name in names
                ]
    return Evidence(tasks, searches, measures)


def _write_measurements(out: Path, evidence: Evidence) -> None:
    """Every raw row, one JSON object a line, each with the content hash of itself as its id."""
    lines: list[str] = []
    for record in evidence.searches:
        lines += [_line("circuit", row.model_dump(mode="json")) for row in record.circuits]
    for measures in evidence.measures:
        lines.append(_line("network", measures.network.model_dump(mode="json")))
        lines += [_measurement(row) for row in measures.rows]
    write_text(out / "measurements.jsonl", "\n".join(lines) + "\n")


def _line(kind: str, row: dict) -> str:
    return json.dumps({"kind": kind, **row}, separators=(",", ":"))


def _measurement(row: Measurement) -> str:
    return _line("measurement", {"id": row.digest(), **row.model_dump(mode="json")})


def _corpus_facts(setting: Setting) -> CorpusFacts:
    return CorpusFacts(
        name=setting.corpus.kind,
        facts=load_corpus(setting.corpus).summary(),
        targets=list(setting.targets),
        primary_target=setting.primary_target,
    )
