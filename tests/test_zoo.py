"""The networks in the box are what their cards and the recipe say."""

from pathlib import Path

import pytest

import netseams_zoo
from netseams.circuits import load_circuit
from netseams.models import load_model, model_fingerprint, parameter_counts
from netseams.training import open_run
from netseams.training.packing import packed_runs
from netseams_recipes import preset

RUNS = sorted(path.parent for path in netseams_zoo.FOLDER.glob("*/model.packed"))
CIRCUITS = sorted(path.parent for path in netseams_zoo.FOLDER.glob("*/circuits/*/circuit.json"))


def test_the_recipe_asks_for_exactly_these_networks() -> None:
    (setting,) = preset("zoo").settings
    asked = {setting.run(arm, seed).digest() for arm in setting.arm_names for seed in (0,)}
    assert set(packed_runs(netseams_zoo.FOLDER)) == asked


def test_the_box_is_small() -> None:
    files = [p for p in netseams_zoo.FOLDER.rglob("*") if p.is_file() and p.suffix != ".pyc"]
    assert sum(path.stat().st_size for path in files) < 12_000_000


@pytest.mark.parametrize("folder", RUNS, ids=lambda p: p.name)
def test_a_network_is_the_one_of_its_result_and_card(folder: Path) -> None:
    run, model = open_run(folder), load_model(folder)
    assert model_fingerprint(model) == run.result.fingerprint
    assert parameter_counts(model) == run.result.groups
    card = (folder / "CARD.md").read_text()
    assert run.result.fingerprint in card
    assert f"{run.result.test_loss:.3f} on test files" in card
    assert f"not zero {run.result.l0_edges:,}" in card


@pytest.mark.parametrize("folder", CIRCUITS, ids=lambda p: f"{p.parts[-3]}-{p.name}")
def test_a_circuit_belongs_to_its_network_and_its_task(folder: Path) -> None:
    circuit, model = load_circuit(folder), load_model(folder.parents[1])
    circuit.check_model(model)
    assert circuit.task == folder.name
    weights = dict(model.named_parameters())
    for name, mask in circuit.edges.items():
        assert bool((weights[name][mask] != 0).all())  # an edge is a real weight
    card = (folder.parents[1] / "CARD.md").read_text()
    (row,) = [line for line in card.splitlines() if line.startswith(f"| {circuit.task} |")]
    assert row.endswith("| yes |")
