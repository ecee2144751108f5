"""Findings of hand-made rows, and small runs of both experiments."""

import pytest

from netseams.audit import AuditConfig
from netseams.discovery import NodeMaskConfig
from netseams.experiments import run_experiment
from netseams.experiments.audits import Audits, AuditsConfig
from netseams.experiments.audits_findings import audits_findings, passes_by_seed, rungs_by_seed
from netseams.experiments.battery import Battery, BatteryConfig
from netseams.experiments.battery_findings import battery_findings, confusion, kind_of
from netseams.models import TransformerConfig
from netseams.training import Dense, TrainConfig, WeightSparse
from netseams_recipes.emergent import known_parts

FEW = AuditConfig(
    random_masks=1, extraction_seeds=2, rounds=1, deletions=1, stochastic_draws=1,
    adversarial_steps=1,
)  # fmt: skip


def finding(outcome: str, value: float | None = None) -> dict:
    return {"outcome": outcome, "value": value, "control": None, "detail": "", "seconds": 0.0}


def row(arm: str, seed: int, rung: int, word: str, outcome: str, network: str = "trained") -> dict:
    return {
        "arm": arm, "seed": seed, "network": network, "task": "add", "learned": True,
        "accuracy": 1.0, "found": word != "", "nodes": 9 if word else None, "word": word or "none",
        "edges": 9 if word else None, "rung": rung, "edges_in_network": 90,
        "tests": {"sufficient": finding(outcome, 0.9)} if word else {},
    }  # fmt: skip


def test_rungs_and_passes_are_means_over_a_seeds_circuits() -> None:
    rows = [row("dense", s, 1, "fits", "pass") for s in range(8)]
    rows += [row("weight_sparse", s, 3, "necessary and specific", "pass") for s in range(8)]
    rows += [row("weight_sparse", s, 0, "", "fail") for s in range(8)]  # not found: place 0
    rows += [row("dense", s, 0, "", "fail", "untrained") for s in range(8)]
    rows.append(row("dense", 0, 0, "none", "fail"))
    assert rungs_by_seed(rows, "weight_sparse") == dict.fromkeys(range(8), 1.5)
    assert rungs_by_seed(rows, "dense")[0] == 0.5
    assert passes_by_seed(rows, "dense", "sufficient")[0] == 0.5
    assert passes_by_seed(rows, "weight_sparse", "sufficient") == dict.fromkeys(range(8), 1.0)
    found = audits_findings(Audits(), range(8), ["dense", "weight_sparse"], rows)
    # Seven seeds differ by .5, one by 1.0: mean .5625.
    assert any("weight_sparse minus dense: +0.56" in line for line in found.answer)
    assert "In untrained networks 0 of 8 searches found a circuit." in found.answer


def fake(network: str, case: str, word: str, rung: int, **outcomes: str) -> dict:
    tests = {check: finding(outcome) for check, outcome in outcomes.items()}
    return {"network": network, "task": "t", "case": case, "seed": 0, "nodes": 1, "edges": 1,
            "word": word, "rung": rung, "tests": tests}  # fmt: skip


def test_the_confusion_table_counts_what_was_asked() -> None:
    rows = [
        fake("one", "planted", "robust", 5, sufficient="pass", random="pass", seeds="pass"),
        fake("many", "planted", "fits", 1, sufficient="pass", random="pass", seeds="fail"),
        fake("one", "random", "none", 0, sufficient="fail", random="pass", seeds="not_applicable"),
        fake("one", "half", "none", 0, sufficient="fail", random="pass", area="descriptive"),
    ]
    assert kind_of(rows[1], ["one"]) == "several"
    table = confusion(rows, ["one"])
    assert table["sufficient"] == {
        "planted": (1, 1), "several": (1, 1), "random": (0, 1), "half": (0, 1)
    }  # fmt: skip
    assert table["seeds"] == {"planted": (1, 1), "several": (0, 1)}
    assert "area" not in table
    found = battery_findings(Battery(), rows, ["one"])
    by_check = {line[0]: line[-1] for line in found.tables[0].rows}
    assert by_check == {"sufficient": "yes", "random": "no", "seeds": "no"}
    assert found.answer[0].startswith("1 of 1 planted circuits")
    assert "0 of 2 fakes are called necessary" in found.answer[0]


def test_a_small_run_audits_every_circuit_that_is_found(tmp_path) -> None:
    run = known_parts("two_operations")
    shape = {"n_layers": 1, "n_heads": 2, "d_model": 16, "d_mlp": 16}
    model = TransformerConfig.model_validate({**run.model.model_dump(), **shape})
    config = AuditsConfig(
        run=run.model_copy(update={"model": model, "train": TrainConfig(steps=2, batch_size=8)}),
        tasks=("add", "max"),
        arms={"dense": Dense(), "weight_sparse": WeightSparse(density=0.5)},
        search=NodeMaskConfig(steps=2, batch_size=8, snapshots=2, bisections=1),
        target=9.0,
        audit=FEW,
    )
    found = run_experiment(Audits(), config, tmp_path)
    assert [line[:3] for line in found.tables[0].rows] == [
        [arm, network, "2/2"]
        for arm in ("dense", "weight_sparse")
        for network in ("trained", "untrained")
    ]
    assert len(list((tmp_path / "circuits").rglob("circuit.json"))) == 8


@pytest.mark.parametrize("case", ["whole", "untrained"])
def test_fakes_are_told_from_a_planted_circuit(case, tmp_path) -> None:
    search = BatteryConfig().search.model_copy(update={"steps": 4, "snapshots": 2})
    config = BatteryConfig(networks=("first_token",), cases=(case,), search=search, audit=FEW)
    found = run_experiment(Battery(), config, tmp_path)
    words = found.tables[1].rows[0]
    rungs = words[2:]
    assert sum(rungs[3:]) == 0  # none is necessary and specific
