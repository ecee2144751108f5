"""A whole comparison on real training: what comes out, and that its parts agree."""

import json
import math
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from netseams.audit import AuditConfig
from netseams.audit.jobs import audit_folders
from netseams.audit.places import circuits_in
from netseams.circuits import load_circuit
from netseams.comparison import Comparison, compare
from netseams.core import RunFolderError
from netseams.models import load_model
from netseams.reporting import write_report
from netseams.store import read_jsonl
from page_reader import Page, value_at
from small_comparison import SMALL

FEW = AuditConfig(
    random_masks=2, extraction_seeds=2, rounds=1, deletions=1, stochastic_draws=2,
    adversarial_steps=5, siblings=1,
)  # fmt: skip
Small = tuple[Comparison, Path]
SCHEMA = Path(__file__).parents[2] / "docs" / "comparison.schema.json"


def test_both_arms_learned_and_have_circuits(small: Small):
    result, _ = small
    assert {(row.arm, row.n_learned) for row in result.routes} == {
        ("dense", 1),
        ("weight_sparse", 1),
    }
    assert all(row.n_reached == 1 for row in result.routes)
    assert len(result.routes) == 2 * 3


def test_stored_result_is_the_returned_one(small: Small):
    result, out = small
    assert Comparison.read(out / "comparison.json") == result


def test_stored_result_follows_the_published_schema(small: Small):
    _, out = small
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.validate(json.loads((out / "comparison.json").read_text()), schema)


def test_published_schema_is_that_of_the_types():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert schema == Comparison.model_json_schema()


def test_the_page_shows_the_stored_numbers(small: Small, tmp_path: Path):
    result, out = small
    stored = json.loads((out / "comparison.json").read_text())
    page = Page.read(write_report(result, tmp_path))
    assert len(page.numbers) > 300
    for number in page.numbers:
        assert number.value == value_at(stored, number.path), number
    assert "exploratory: 1 seed" in page.text
    assert (tmp_path / "summary.md").read_text().count("| reverse |") == 4


def test_sizes_are_those_of_the_circuit_files(small: Small):
    """Counted again from the weights themselves, with numpy."""
    result, out = small
    for row in result.circuits:
        if row.network != "trained" or not row.reached:
            continue
        circuit = load_circuit(out / row.path)
        run = next(n.run for n in result.networks if n.arm == row.arm)
        weights = dict(load_model(out / "runs" / run / "model.safetensors").named_parameters())
        nodes = {site: set(np.flatnonzero(m.numpy())) for site, m in circuit.nodes.items()}
        assert row.nodes == sum(len(kept) for kept in nodes.values())
        edges = 0
        for i in range(2):
            b = f"blocks.{i}"
            for matrix, source, target in (
                ("attn.q", "ln1.hook_normalized", "attn.hook_q"),
                ("attn.k", "ln1.hook_normalized", "attn.hook_k"),
                ("attn.v", "ln1.hook_normalized", "attn.hook_v"),
                ("attn.out", "attn.hook_v", "hook_attn_out"),
                ("mlp.up", "ln2.hook_normalized", "mlp.hook_post"),
                ("mlp.down", "mlp.hook_post", "hook_mlp_out"),
            ):
                w = weights[f"{b}.{matrix}.weight"].detach().numpy()
                rows = sorted(nodes[f"{b}.{target}"])
                columns = sorted(nodes[f"{b}.{source}"])
                edges += np.count_nonzero(w[np.ix_(rows, columns)])
        assert row.edges == edges


def test_edge_ratio_is_density_times_selection(small: Small):
    result, _ = small
    ratio = next(r for r in result.ratios if r.target == 0.6)
    assert len(ratio.tasks) == 3
    assert ratio.edges.value == pytest.approx(ratio.density.value * ratio.selection.value)
    by_arm = {row.arm: row.edges for row in result.networks}
    assert ratio.density.value == pytest.approx(by_arm["dense"] / by_arm["weight_sparse"])


def test_ratio_is_the_geometric_mean_over_tasks(small: Small):
    result, _ = small
    ratio = next(r for r in result.ratios if r.target == 0.6)
    edges = {
        (row.arm, row.task): row.edges
        for row in result.circuits
        if row.network == "trained" and row.target == 0.6
    }
    tasks = {task for _, task in edges}
    product = math.prod(edges["dense", t] / edges["weight_sparse", t] for t in tasks)
    assert ratio.edges.value == pytest.approx(product ** (1 / len(tasks)))


def test_few_seeds_give_no_interval_and_say_so(small: Small):
    result, _ = small
    assert result.exploratory
    text = json.dumps(result.model_dump(mode="json"))
    assert '"low": null' in text
    assert not any(row.edges.low is not None for row in result.routes if row.edges is not None)
    assert result.limits[0].startswith("Exploratory: 1 training seed.")


def test_controls_got_the_same_budget(small: Small):
    result, _ = small
    assert {s.network for s in result.searches} == {"trained", "untrained", "redrawn"}
    assert len({(s.steps, s.training_sequences) for s in result.searches}) == 1
    assert len(result.searches) == 2 * 3 * 3


def test_untrained_networks_do_not_reach_the_target(small: Small):
    result, _ = small
    untrained = [c for c in result.circuits if c.network == "untrained"]
    assert untrained
    assert not any(c.reached for c in untrained)


def test_targets_are_nearly_met_on_data_that_selected_nothing(small: Small):
    result, _ = small
    for row in result.circuits:
        if row.reached:
            assert row.loss < row.target + 0.25


def test_necessity_follows_from_the_raw_rows(small: Small):
    result, out = small
    rows = read_jsonl(out / "measurements.jsonl")
    network = next(r for r in rows if r["kind"] == "network" and r["arm"] == "dense")
    whole = next(t["accuracy"] for t in network["tasks"] if t["task"] == "reverse")
    floor = next(t.floor_accuracy for t in result.tasks if t.name == "reverse")
    without = [
        r["accuracy"]
        for r in rows
        if r["kind"] == "measurement" and r["arm"] == "dense" and r["question"] == "remove"
        and r["part"] == "whole" and r["ablation"] == "zero"
        and r["circuit_task"] == r["task"] == "reverse"
    ]  # fmt: skip
    assert len(without) == 1
    expected = (whole - max(without[0], floor)) / (whole - floor)
    row = next(r for r in result.routes if (r.arm, r.task) == ("dense", "reverse"))
    assert row.necessity["zero"].value == pytest.approx(expected)


def test_matrix_diagonal_is_the_necessity(small: Small):
    result, _ = small
    for matrix in result.matrices:
        if matrix.part != "whole":
            continue
        for i, task in enumerate(matrix.tasks):
            row = next(r for r in result.routes if (r.arm, r.task) == (matrix.arm, task))
            assert matrix.drop[i][i] == pytest.approx(row.necessity[matrix.ablation].value)


def test_every_raw_row_has_its_own_id(small: Small):
    _, out = small
    rows = [r for r in read_jsonl(out / "measurements.jsonl") if r["kind"] == "measurement"]
    assert len({row["id"] for row in rows}) == len(rows)


def test_a_second_call_computes_nothing_and_says_the_same(small: Small):
    result, out = small
    files = sorted(p for p in out.rglob("*") if p.name in ("model.safetensors", "search.json"))
    stamps = [path.stat().st_mtime_ns for path in files]
    again = compare(SMALL, out, command="netseams compare")
    assert [path.stat().st_mtime_ns for path in files] == stamps
    changing = {"cost", "provenance"}
    assert again.model_dump(exclude=changing) == result.model_dump(exclude=changing)


@pytest.mark.slow
def test_a_lost_stage_is_made_again_with_the_same_numbers(small: Small):
    result, out = small
    search = next((out / "circuits").rglob("trained/rotate/search.json"))
    before = search.read_text()
    search.unlink()
    for folder in search.parent.glob("target-*"):
        (folder / "circuit.json").unlink()
    (out / "measures" / f"{search.parents[2].name}.json").unlink()
    again = compare(SMALL, out, n_workers=2, command="netseams compare")
    assert again.routes == result.routes

    def curve(text: str) -> list[float]:
        return json.loads(text)["search"]["curve_loss"]

    assert curve(search.read_text()) == curve(before)


def test_another_config_in_the_folder_is_refused(small: Small):
    _, out = small
    with pytest.raises(RunFolderError, match="choose another --out"):
        compare(SMALL.model_copy(update={"seeds": (1,)}), out)


@pytest.mark.slow
def test_circuits_of_a_comparison_get_cards(small: Small, tmp_path: Path):
    _, out = small
    target = f"target-{SMALL.settings[0].primary_target:g}"
    paths = [
        next(p for p in circuits_in(out) if arm in str(p) and "trained/reverse" in str(p)
             and target in str(p) and "untrained" not in str(p))
        for arm in ("dense", "weight_sparse")
    ]  # fmt: skip
    cards = audit_folders(paths, FEW, out=tmp_path)
    assert len(cards) == 2
    for card in cards.values():
        found = {f.check: f.outcome for f in card.findings}
        assert found["sufficient"] == "pass"
        assert found["untrained"] == "pass"
        assert found["shuffled"] == "pass"
        assert card.rung >= 1
        assert (tmp_path / card.circuit / "card.json").exists()


@pytest.mark.slow
def test_one_process_gives_the_same_numbers_as_two(small: Small):
    result, out = small
    for path in (out / "measures").iterdir():
        path.unlink()
    again = compare(SMALL, out, n_workers=1, command="netseams compare")
    assert again.routes == result.routes
    assert (result.provenance.n_workers, again.provenance.n_workers) == (2, 1)
