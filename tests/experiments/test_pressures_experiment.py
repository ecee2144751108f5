"""Findings of hand-made rows, and a small run of the experiment `pressures`."""

import pytest

from netseams.audit import AuditConfig
from netseams.discovery import NodeMaskConfig
from netseams.experiments import run_experiment
from netseams.experiments.pressures import Pressures, PressuresConfig
from netseams.experiments.pressures_findings import gains, pressures_findings
from netseams.models import TransformerConfig
from netseams.reporting import write_findings
from netseams.training import Clustered, Dense, Dropout, TrainConfig
from netseams_recipes.emergent import known_parts


def circuit(arm: str, seed: int, rung: int, outcome: str) -> dict:
    test = {"outcome": outcome, "value": 0.1 * rung, "control": None, "detail": "", "seconds": 0.0}
    return {
        "arm": arm, "seed": seed, "network": "trained", "task": "add", "learned": rung > 1,
        "accuracy": 1.0, "found": True, "nodes": 9, "edges": 9, "rung": rung, "word": "fits",
        "tests": {"sufficient": {**test, "outcome": "pass"}, "seeds": test},
    }  # fmt: skip


def whole(arm: str, seed: int) -> dict:
    keys = ("clusterability", "clusterability_shuffled", "modularity", "modularity_shuffled")
    row = {"arm": arm, "seed": seed, "network": "whole", "found": False, "tests": {}}
    return {**row, "test_loss": 0.5, **dict.fromkeys(keys, 0.25)}


def test_every_arm_is_held_against_the_first_and_p_is_that_of_a_family(tmp_path) -> None:
    arms = ("dense", "dropout", "local")
    rows = [circuit("dense", s, 2, "fail") for s in range(8)]
    rows += [circuit("dropout", s, 3, "pass") for s in range(8)]
    rows += [circuit("local", s, 2 + s % 2, "pass") for s in range(8)]
    rows += [whole(arm, s) for arm in arms for s in range(8)]
    assert gains(rows, arms)["local"] == {s: s % 2 for s in range(8)}
    found = pressures_findings(Pressures(), range(8), arms, rows)
    # 2 of 256 sign flips reach eight equal differences: .0078; twice that for the smaller of two.
    assert "dropout minus dense: +1.00" in found.answer[1]
    assert "p after Holm 0.016" in found.answer[1]
    write_findings(found, tmp_path)
    assert (tmp_path / "figure.png").read_bytes()[:4] == b"\x89PNG"
    places = found.tables[0].rows
    assert [row[0] for row in places] == list(arms)
    assert places[1][5:] == [8.0, 8.0, 8.0, 0.0, 0.0]
    assert found.tables[1].rows[2][1] == "8/8"
    passes = {row[0]: row[1:] for row in found.tables[2].rows}
    assert [cell.value for cell in passes["seeds"]] == [0.0, 1.0, 1.0]


def test_a_small_run_asks_only_what_the_preset_names(tmp_path) -> None:
    run = known_parts("two_operations")
    shape = {"n_layers": 1, "n_heads": 2, "d_model": 16, "d_mlp": 16}
    model = TransformerConfig.model_validate({**run.model.model_dump(), **shape})
    config = PressuresConfig(
        run=run.model_copy(update={"model": model, "train": TrainConfig(steps=2, batch_size=8)}),
        tasks=("add", "max"),
        arms={"dense": Dense(), "dropout": Dropout(), "clustered": Clustered(groups=2)},
        search=NodeMaskConfig(steps=2, batch_size=8, snapshots=2, bisections=1),
        target=9.0,
        audit=AuditConfig(random_masks=1),
        checks=("sufficient", "random"),
        shuffles=2,
    )
    found = run_experiment(Pressures(), config, tmp_path)
    assert found.exploratory
    assert [row[:2] for row in found.tables[0].rows] == [
        [arm, "2/2"] for arm in ("dense", "dropout", "clustered")
    ]
    assert [row[0] for row in found.tables[2].rows] == ["sufficient", "random"]
    losses = [row[5].value for row in found.tables[1].rows]
    assert losses == pytest.approx([2.5] * 3, abs=0.6)  # near log of the vocabulary
