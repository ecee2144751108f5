"""Four arms and a fifth that shares a run, end to end on networks that learn nothing: the path,
not the result."""

import json
from pathlib import Path

import jsonschema
import pytest

from netseams.circuits import load_circuit
from netseams.comparison import Arm, CompareConfig, Comparison, Setting, compare
from netseams.comparison.pipeline import plan_jobs
from netseams.discovery import NodeMaskConfig
from netseams.models import TransformerConfig
from netseams.reporting import write_report
from netseams.store import read_jsonl
from netseams.training import ARMS, TrainConfig, WeightSparse, matched_arm
from page_reader import Page, value_at
from small_comparison import SMALL

SPARSE = WeightSparse(density=0.3, embed_density=0.5)
ARM_NAMES = (*ARMS, "weight_sparse_again")
TINY = CompareConfig(
    preset="tiny",
    settings=(
        Setting(
            corpus=SMALL.settings[0].corpus,
            model=TransformerConfig(
                n_layers=1, n_heads=2, d_model=16, d_mlp=32, n_ctx=10, d_vocab=19
            ),
            train=TrainConfig(steps=20, batch_size=16),
            arms=(
                *(
                    Arm.model_validate({"name": name, "sparsity": matched_arm(name, SPARSE)})
                    for name in ARMS
                ),
                Arm(name="weight_sparse_again", sparsity=SPARSE),
            ),
            also_against="weight_sparse",
            controls=("redrawn",),
            search=NodeMaskConfig(steps=6, batch_size=8, snapshots=3, bisections=2, calibrate=True),
            targets=(2.6,),  # above what guessing gives: every network reaches it
            primary_target=2.6,
        ),
    ),
    seeds=(0,),
    random_masks=1,
)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Comparison, Path]:
    out = tmp_path_factory.mktemp("four") / "out"
    return compare(TINY, out, n_workers=2, command="netseams compare"), out


def test_every_arm_is_in_every_table(tiny: tuple[Comparison, Path]):
    result, _ = tiny
    for rows in (result.routes, result.networks, result.matrices, result.circuits, result.searches):
        assert {row.arm for row in rows} == set(ARM_NAMES)
    assert [row.name for row in result.arms] == list(ARM_NAMES)
    assert [row.reference for row in result.arms] == [True, *[False] * 4]
    assert result.arms[2].words == (
        "differs from dense in one field: train.sparsity is pruned (density 0.3, embed_density "
        "0.5) in place of dense"
    )
    kept = {row.arm: row.edges for row in result.networks}
    assert kept["weight_sparse"] == kept["pruned"] == kept["random_support"] < kept["dense"]


def test_what_no_network_learned_has_no_ratio_and_says_why(tiny: tuple[Comparison, Path]):
    result, _ = tiny
    assert len(result.ratios) == 2 * (4 + 3)
    assert all(r.edges is None and "did not learn it" in r.note for r in result.ratios)
    assert "without a common task: weight-sparse" in result.answer[0] or (
        "no task was learned and reached by dense and any other arm" in result.answer[0]
    )


def test_calibrated_circuits_stand_beside_the_others(tiny: tuple[Comparison, Path]):
    result, out = tiny
    fitted = [row for row in result.circuits if row.calibrated]
    assert {(row.arm, row.network) for row in fitted} == {(arm, "trained") for arm in ARM_NAMES}
    for row in fitted:
        assert row.path is not None
        assert load_circuit(out / row.path).calibration is not None
    for row in result.routes:
        of_row = [r for r in fitted if (r.arm, r.task) == (row.arm, row.task)]
        assert row.calibrated_nodes.value == pytest.approx(of_row[0].nodes)
    assert len([r for r in result.ratios if r.calibrated]) == len(result.ratios) / 2


def test_only_the_controls_asked_for_are_searched(tiny: tuple[Comparison, Path]):
    result, _ = tiny
    assert {s.network for s in result.searches} == {"trained", "redrawn"}
    assert {b.control for row in result.routes for b in row.beats} <= {
        "redrawn", "random", "random_removed",
    }  # fmt: skip
    assert any(line.startswith("No untrained control networks") for line in result.limits)
    assert "untrained networks" not in " ".join(result.answer)


def test_arms_with_equal_runs_share_them(tiny: tuple[Comparison, Path]):
    result, out = tiny
    runs = {row.arm: row.run for row in result.networks}
    assert runs["weight_sparse_again"] == runs["weight_sparse"]
    assert len(list((out / "runs").iterdir())) == 4
    jobs = plan_jobs(TINY, out, result.tasks)
    assert sum(job.name.startswith("train") for job in jobs) == 4
    rows = [r for r in read_jsonl(out / "measurements.jsonl") if r["kind"] == "measurement"]
    assert len({row["id"] for row in rows}) == len(rows)
    circuits = {
        (r.arm, r.task, r.calibrated): (r.nodes, r.edges)
        for r in result.circuits
        if r.network == "trained"
    }
    for arm, task, fitted in list(circuits):
        if arm == "weight_sparse":
            again = circuits["weight_sparse_again", task, fitted]
            assert again == circuits["weight_sparse", task, fitted]


def test_a_second_call_gives_the_same(tiny: tuple[Comparison, Path]):
    result, out = tiny
    stamps = [p.stat().st_mtime_ns for p in sorted(out.rglob("search.json"))]
    again = compare(TINY, out, command="netseams compare")
    assert [p.stat().st_mtime_ns for p in sorted(out.rglob("search.json"))] == stamps
    changing = {"cost", "provenance"}
    assert again.model_dump(exclude=changing) == result.model_dump(exclude=changing)


def test_the_page_of_many_arms_shows_the_stored_numbers(
    tiny: tuple[Comparison, Path], tmp_path: Path
):
    result, _ = tiny
    stored = json.loads(result.model_dump_json())
    schema = Path(__file__).parents[2] / "docs" / "comparison.schema.json"
    jsonschema.validate(stored, json.loads(schema.read_text(encoding="utf-8")))
    page = Page.read(write_report(result, tmp_path))
    for number in page.numbers:
        assert number.value == value_at(stored, number.path), number
    assert [v for name, v in page.attributes if name == "data-arm"] == [
        f"arms.{i}" for i in range(5)
    ]
    assert (tmp_path / "figures" / "frontier.svg").exists()
    assert not (tmp_path / "figures" / "headline.svg").exists()
