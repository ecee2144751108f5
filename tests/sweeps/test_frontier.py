"""The frontier of made-up results: groups, curves, what is missing; page and figure."""

import json

import pytest

from netseams.cli.main import run
from netseams.core import SettingError
from netseams.reporting.sweeps import frontier_page
from netseams.store import write_text
from netseams.sweeps import Plan, PointResult, SearchRow, SweepStore
from netseams.sweeps.frontier import frontier
from netseams_recipes.sweeps import PLANS


def finish(store: SweepStore, plan: Plan, leave_out: tuple[str, ...] = ()) -> None:
    """Results in which sizes fall with density and width, by simple rules."""
    for point in plan.points:
        if point.name in leave_out:
            continue
        assert point.searches is not None
        arm, width, seed = point.run.train.sparsity, point.run.model.d_model, point.run.seed
        density = getattr(arm, "density", 1.0)
        rows = [
            SearchRow(
                task=task, network=network, target=target,  # type: ignore[arg-type]
                nodes=None if network == "untrained" else 100 + seed,
                edges=None if network == "untrained" else round(1e6 * density * (i + 1) / width),
                accuracy=1.0, learned=True, best_loss=0.01,
            )
            for target in point.searches.targets
            for i, (task, network) in enumerate(
                [*((t, "trained") for t in point.searches.tasks), ("reverse", "untrained")]
            )
        ]  # fmt: skip
        store.finish(
            point,
            PointResult(
                name=point.name, point=point.digest(), seed=seed, arm=point.run.arm,
                test_loss=0.001 * (seed + 1) / density, n_parameters=10, l0=5, n_edge_weights=8,
                l0_edges=round(density * 12 * width**2), fingerprint="f", searches=tuple(rows),
            ),
        )  # fmt: skip


def test_groups_curves_and_sizes_by_hand(tmp_path) -> None:
    plan, store = PLANS["frontier"](), SweepStore(tmp_path)
    finish(store, plan, leave_out=("dense seed 2",))
    found = frontier(plan, store)
    assert found.target == 0.15
    assert found.missing == ("dense seed 2",)
    assert found.exploratory
    groups = {group.label: group for group in found.groups}
    assert len(groups) == 11
    dense = groups["dense, width 128"]
    assert (dense.seeds, dense.reached, dense.untrained, dense.untrained_reached) == (2, 2, 2, 0)
    assert dense.loss.value == pytest.approx(0.0015)
    assert (dense.loss.low, dense.loss.high) == pytest.approx((0.001, 0.002))
    assert dense.edges is not None
    # The geometric mean of 1, 2 and 3 parts of a million over 128.
    assert dense.edges.value == pytest.approx(6 ** (1 / 3) * 1e6 / 128, rel=1e-3)
    curves = {curve.name: curve.labels for curve in found.curves}
    assert curves["density at width 128"] == (
        "dense, width 128", "density 0.2, width 128", "density 0.1, width 128",
        "density 0.04, width 128", "density 0.02, width 128",
    )  # fmt: skip
    assert [label.split()[-1] for label in curves["width, every weight"]] == [
        "64", "96", "128", "192",
    ]  # fmt: skip
    assert [label.split()[-1] for label in curves["width, as many weights"]] == [
        "64", "96", "128", "192",
    ]  # fmt: skip
    assert all(len(labels) >= 4 for labels in curves.values())


def test_a_group_that_misses_a_task_has_no_size_and_stays_in_the_table(tmp_path) -> None:
    plan, store = PLANS["frontier"](), SweepStore(tmp_path)
    finish(store, plan)
    for point in plan.points:
        if point.run.model.d_model == 64 and point.run.arm == "weight_sparse":
            result = store.result(point)
            rows = list(result.searches)
            rows = [r.model_copy(update={"learned": False}) if r.task == "add_five" else r
                    for r in rows]  # fmt: skip
            store.finish(point, result.model_copy(update={"searches": tuple(rows)}))
    found = frontier(plan, store)
    (group,) = [g for g in found.groups if (g.d_model, g.route) == (64, "weight_sparse")]
    assert (group.edges, group.reached, group.seeds) == (None, 0, 3)
    page = frontier_page(found)
    assert "| 0/3 | – | – |" in page
    assert "exploratory" in page
    with pytest.raises(SettingError, match=r"no circuit was asked for at 0.2 nats"):
        frontier(plan, store, 0.2)


def test_the_command_writes_a_page_a_figure_and_numbers(tmp_path, capsys) -> None:
    plan, store = PLANS["frontier"](), SweepStore(tmp_path)
    assert run(["frontier", str(tmp_path)]) == 2
    assert "run netseams sweep first" in capsys.readouterr().err
    write_text(tmp_path / "frontier.plan.json", plan.model_dump_json())
    assert run(["frontier", str(tmp_path)]) == 2
    assert "no searched point of plan frontier is done" in capsys.readouterr().err
    finish(store, plan)
    assert run(["frontier", str(tmp_path), "--target", "0.3"]) == 0
    assert "11 networks, 33 points, 3 curves" in capsys.readouterr().out
    assert json.loads((tmp_path / "frontier.json").read_text())["target"] == 0.3
    assert (tmp_path / "frontier.png").read_bytes()[:4] == b"\x89PNG"
