"""Plans: what a point's name in the store is, and what is refused before anything runs."""

import json

import pytest
from sweep_plans import SHAPE, point, thirty

from netseams.core import SettingError
from netseams.sweeps import Plan, check_plan, read_plan
from netseams_recipes.sweeps import PLANS


def test_a_name_is_for_people_and_settings_are_the_identity() -> None:
    one = point(3)
    assert one.model_copy(update={"name": "other"}).digest() == one.digest()
    assert point(4).digest() != one.digest()
    assert point(3, searched=False).digest() != one.digest()


def test_all_that_clashes_or_cannot_run_is_named_at_once() -> None:
    small = SHAPE.model_copy(update={"d_vocab": 5})
    narrow = point(0).model_copy(
        update={"name": "narrow", "run": point(7).run.model_copy(update={"model": small})}
    )
    odd = point(8)
    assert odd.searches is not None
    asked = odd.searches.model_copy(update={"tasks": ("reverse", "fly")})
    points = (
        point(1), point(1), point(2).model_copy(update={"name": "twin"}), point(2),
        narrow, odd.model_copy(update={"name": "odd", "searches": asked}),
    )  # fmt: skip
    with pytest.raises(SettingError) as error:
        check_plan(Plan(name="bad", points=points))
    said = str(error.value)
    assert "nothing was run" in said
    assert "dense 1: 2 points have this name" in said
    assert "dense 2: the same settings as twin" in said
    assert "narrow: d_vocab 5 is less than the 19 tokens" in said
    assert "odd: string_ops has no task fly" in said
    assert "\n" not in said


def test_a_plan_is_read_as_it_was_written_or_every_broken_point_is_named(tmp_path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(thirty().model_dump_json())
    assert read_plan(path) == thirty()
    raw = json.loads(path.read_text())
    raw["points"][3]["run"]["train"]["steps"] = 0
    raw["points"][5]["run"]["model"]["width"] = 3
    path.write_text(json.dumps(raw))
    with pytest.raises(SettingError, match=r"weight_sparse 1: run.*weight_sparse 2: run"):
        read_plan(path)
    for text in ("[]", "{", '{"points": 3, "name": "x"}', "{}"):
        path.write_text(text)
        with pytest.raises(SettingError, match="is no plan"):
            read_plan(path)


@pytest.mark.parametrize("name", PLANS)
def test_every_named_plan_can_be_run(name) -> None:
    plan = PLANS[name]()
    check_plan(plan)
    assert plan.name == name


def test_the_frontier_has_points_enough_and_equal_weights_at_every_width() -> None:
    plan = PLANS["frontier"]()
    seeds = {point.run.seed for point in plan.points}
    assert len(seeds) >= 3
    first = [point for point in plan.points if point.run.seed == 0]
    at_128 = [p for p in first if p.run.model.d_model == 128]
    assert len(at_128) == 5
    kept: dict[int, float] = {}
    for p in first:
        arm, d = p.run.train.sparsity, p.run.model.d_model
        if p.run.arm == "weight_sparse" and (d != 128 or arm.density == 0.04):  # type: ignore[union-attr]
            kept[d] = arm.density * d * d  # type: ignore[union-attr]
    assert len(kept) == 4
    assert max(kept.values()) == pytest.approx(min(kept.values()))
    dense = {p.run.model.d_model for p in first if p.run.arm == "dense"}
    assert dense == set(kept)
