"""Findings of hand-made rows, and a small run of the experiment `probe`."""

import pytest

from netseams.claims import CLAIMS, judge
from netseams.discovery import NecessaryNodesConfig
from netseams.experiments import run_experiment
from netseams.experiments.probe import Probe, ProbeConfig, _Bench
from netseams.experiments.probe_findings import advantage, areas_by_seed, probe_findings
from netseams.interventions import WeightNoise
from netseams.models import Transformer, TransformerConfig
from netseams.reporting import write_findings
from netseams.training import Dense, PartlySparse, TrainConfig
from netseams_recipes.emergent import known_parts


def left(arm: str, seed: int, half: str, shares: dict[float, float | None], **changes) -> list:
    row = {
        "what": "left", "arm": arm, "seed": seed, "damage": "weights", "draw": 0,
        "task": "add", "half": half, "forced": half == "first", "of": "module", "places": 7,
        "strength": 0.5, "kl": 0.1,
        "before": 0.4, "chance": 0.1, "after": 0.2, **changes,
    }  # fmt: skip
    return [{**row, "nats": nats, "share": share} for nats, share in shares.items()]


def others(arm: str, seed: int) -> list[dict]:
    same = {"arm": arm, "seed": seed, "task": "add"}
    return [
        {**same, "what": "learned", "accuracy": 1.0, "learned": True},
        {**same, "what": "untrained", "half": "first", "before": 0.0, "chance": 0.01},
    ]


def some_rows(n_seeds: int = 8) -> list[dict]:
    rows: list[dict] = []
    for seed in range(n_seeds):
        for arm in ("half_of_channels", "half_of_layers"):
            better = 0.35 if arm == "half_of_channels" else 0.0
            rows += left(arm, seed, "first", {0.1: 0.6 + better, 1.0: 0.4 + better})
            rows += left(arm, seed, "second", {0.1: 0.6, 1.0: 0.4})
            rows += left(arm, seed, "first", {0.1: None, 1.0: None}, of="random", before=0.0)
            rows += others(arm, seed)
            rows += [
                {"what": "found again", "arm": arm, "seed": seed, "damage": damage, "task": "add",
                 "half": "first", "forced": True, "alike": alike, "random": 0.0}
                for damage, alike in (("none", 0.5), ("weights", 0.25))
            ]  # fmt: skip
    return rows


def test_areas_are_paired_by_half_and_random_places_have_none(tmp_path) -> None:
    eight = range(8)
    rows = [row for row in some_rows() if row["what"] == "left"]
    assert areas_by_seed(rows, "half_of_channels", True) == pytest.approx(
        dict.fromkeys(eight, 0.85)
    )
    assert areas_by_seed(rows, "half_of_channels", True, of="random") == {}
    assert advantage(rows, "half_of_channels") == pytest.approx(dict.fromkeys(eight, 0.35))
    found = probe_findings(Probe(), range(8), ["half_of_channels", "half_of_layers"], some_rows())
    assert found.answer[0].startswith("half_of_channels, sparse: area +0.85")
    assert found.answer[0].endswith("robust.")
    assert "sparse minus dense half: +0.35" in found.answer[2]
    page = write_findings(found, tmp_path)
    assert "](figure.png)" in page.read_text()
    assert (tmp_path / "figure.png").read_bytes()[:4] == b"\x89PNG"
    again = found.tables[2].rows[0]
    assert [again[2].value, again[3].value] == [0.5, -0.25]  # type: ignore[union-attr]


def test_draws_of_a_damage_are_averaged_before_the_area_is_taken() -> None:
    shares: list[dict[float, float | None]] = [{0.1: 0.2, 1.0: 0.4}, {0.1: 0.6, 1.0: None}]
    rows = [row for draw in (0, 1) for row in left("half", 3, "first", shares[draw], draw=draw)]
    # Means of .4 and .4: a level curve. Areas of the draws alone would give (.3 + .6) / 2.
    assert areas_by_seed(rows, "half", True) == {3: pytest.approx(0.4)}


def test_the_claim_is_judged_by_both_kinds_of_halves() -> None:
    file = CLAIMS["forced_is_robust"]
    rows = some_rows()
    found = judge(file.claim.prediction, file.values(rows), file.counts(rows))
    assert [c.word for c in found.conditions] == ["supported", "equivalent_to_null"]
    assert found.word == "conditional"
    for row in rows:
        if row.get("seed") == 0 and row["what"] == "left" and row["half"] == "first":
            row["share"], row["before"] = None, 0.01
    found = judge(file.claim.prediction, file.values(rows), file.counts(rows))
    assert {c.word for c in found.conditions} == {"not_tested"}  # seven seeds with a value
    assert "1 of 16 modules were not found and are left out" in found.conditions[0].reason


def test_a_small_run_asks_both_halves_and_alternates_the_sparse_one(tmp_path) -> None:
    run = known_parts("two_operations")
    shape = {"n_layers": 2, "n_heads": 2, "d_model": 16, "d_mlp": 16}
    model = TransformerConfig.model_validate({**run.model.model_dump(), **shape})
    config = ProbeConfig(
        run=run.model_copy(update={"model": model, "train": TrainConfig(steps=2, batch_size=8)}),
        tasks=("add", "multiply"),
        tuned_on="max",
        arms={"half": PartlySparse(density=0.5), "dense": Dense()},
        search=NecessaryNodesConfig(steps=2, batch_size=8, snapshots=2),
        nats=(0.01, 0.05),
        searched_at=0.01,
        tuning_steps=2,
        random_masks=1,
        draws=1,
    )
    sides = [config.run_in(config.run, "half", seed).train.sparsity.half for seed in (0, 1)]  # type: ignore[union-attr]
    assert sides == ["first", "second"]
    found = run_experiment(Probe(), config, tmp_path)
    assert found.exploratory
    kinds = [row[:3] for row in found.tables[0].rows]
    assert kinds == [
        ["half", "sparse", "module"], ["half", "sparse", "random"],
        ["half", "dense", "module"], ["half", "dense", "random"],
        ["dense", "dense", "module"], ["dense", "dense", "random"],
    ]  # fmt: skip
    for row in found.tables[3].rows:  # two steps teach nothing, so there is nothing to find
        assert row[2:5] == ["0/2", "0/4", "0/4"]


def test_damage_that_cannot_be_calibrated_still_says_what_was_before() -> None:
    run = known_parts("two_operations")
    shape = {"n_layers": 2, "n_heads": 2, "d_model": 16, "d_mlp": 16}
    model = TransformerConfig.model_validate({**run.model.model_dump(), **shape})
    run = run.model_copy(update={"model": model})
    config = ProbeConfig(
        run=run, tasks=("add", "multiply"), tuned_on="max",
        arms={"half": PartlySparse(density=0.5), "dense": Dense()},
    )  # fmt: skip
    bench = _Bench(config, Transformer(model), config.run_in(run, "half", 0), 0)
    modules = {task: {"first": bench.halves["first"]} for task in config.tasks}
    rows = bench.left_of(modules, WeightNoise(bench.model), None)
    assert [row["of"] for row in rows] == ["module", "random"] * 2
    assert all(row["before"] is not None and row["share"] is None for row in rows)
