import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from netseams.circuits import (
    Calibration,
    Circuit,
    fit_calibration,
    load_circuit,
    random_circuit,
    save_circuit,
)
from netseams.core import SettingError
from netseams.discovery import NodeMaskConfig, NodeMasks
from netseams.evaluation import agreement, sufficiency
from netseams.interventions import mean_activations
from netseams.models import sites_of
from netseams.planted.first_token import first_token_corpus, first_token_model, first_token_task


def noisy_logits(seed: int, n: int, candidates: int) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(seed)
    targets = draws.integers(0, candidates, n)
    logits = draws.normal(size=(n, candidates)) + 1.5 * np.eye(candidates)[targets]
    return 0.3 * logits + draws.normal(size=candidates), targets


def cross_entropy(logits: np.ndarray, targets: np.ndarray) -> float:
    highest = logits.max(1, keepdims=True)
    normal = np.log(np.exp(logits - highest).sum(1)) + highest[:, 0]
    return float((normal - logits[range(len(targets)), targets]).mean())


@pytest.mark.parametrize(("seed", "candidates"), [(0, 2), (1, 2), (2, 5), (3, 10)])
def test_the_fit_is_that_of_another_optimizer(seed: int, candidates: int) -> None:
    logits, targets = noisy_logits(seed, 300, candidates)
    best = minimize(
        lambda v: cross_entropy(logits * v[0] + v[1:], targets),
        np.r_[1.0, np.zeros(candidates)], method="BFGS",
    )  # fmt: skip
    found = fit_calibration(torch.from_numpy(logits), torch.from_numpy(targets))
    ours = cross_entropy(logits * found.scale + np.array(found.shift), targets)
    assert ours == pytest.approx(best.fun, abs=1e-5)
    assert found.scale == pytest.approx(best.x[0], rel=0.02)
    assert np.array(found.shift) == pytest.approx(best.x[1:] - best.x[1:].mean(), abs=0.02)
    assert sum(found.shift) == pytest.approx(0, abs=1e-9)


def test_right_answers_only_do_not_run_away() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    found = fit_calibration(logits, torch.tensor([0, 1]))
    assert math.isfinite(found.scale)
    assert found.scale > 1


def test_logits_of_another_task_are_refused() -> None:
    calibration = Calibration(scale=2.0, shift=(0.5, -0.5))
    assert calibration.apply(torch.tensor([[1.0, 2.0]])).tolist() == [[2.5, 3.5]]
    with pytest.raises(SettingError, match="for 2 candidates, not 3"):
        calibration.apply(torch.zeros(4, 3))


def empty_circuit(calibration: Calibration | None) -> Circuit:
    model = first_token_model()
    nodes = {s.name: torch.zeros(s.width, dtype=torch.bool) for s in sites_of(model.cfg)}
    nodes["ln_final.hook_normalized"][3] = True
    found = Circuit.from_nodes(model, nodes, "first_token", "planted", {})
    return type(found)(**{**found.__dict__, "calibration": calibration})


def test_a_calibrated_circuit_on_disk(tmp_path: Path) -> None:
    calibration = Calibration(scale=1.25, shift=(0.125, -0.125))
    save_circuit(tmp_path / "c", empty_circuit(calibration))
    assert load_circuit(tmp_path / "c").calibration == calibration


def test_a_circuit_written_before_there_was_calibration_loads(tmp_path: Path) -> None:
    save_circuit(tmp_path / "c", empty_circuit(None))
    card = json.loads((tmp_path / "c" / "circuit.json").read_text())
    del card["calibration"]
    (tmp_path / "c" / "circuit.json").write_text(json.dumps(card))
    assert load_circuit(tmp_path / "c").calibration is None


def test_questions_use_it_and_can_leave_it_out() -> None:
    """The circuit's own logits are constant, so the calibrated loss can be worked out."""
    model, task = first_token_model(), first_token_task()
    means = mean_activations(model, first_token_corpus())
    for mask in (plain := empty_circuit(None)).nodes.values():
        mask.zero_()
    shifted = type(plain)(
        **{**plain.__dict__, "calibration": Calibration(scale=0.0, shift=(1.0, -1.0))}
    )
    targets = task.rows("report")[1].flatten().numpy()
    logits = np.tile([1.0, -1.0], (len(targets), 1))
    found = sufficiency(shifted, model, task, "mean", means)
    assert found.loss == pytest.approx(cross_entropy(logits, targets), rel=1e-5)
    without = sufficiency(shifted, model, task, "mean", means, calibrated=False)
    assert without == sufficiency(plain, model, task, "mean", means)
    assert without.loss != pytest.approx(found.loss, rel=1e-3)
    assert agreement(shifted, model, task, "mean", means) != agreement(
        shifted, model, task, "mean", means, calibrated=False
    )


def test_other_masks_drop_it() -> None:
    calibrated, model = empty_circuit(Calibration(scale=2.0, shift=(0.0, 0.0))), first_token_model()
    assert random_circuit(calibrated, model, 0).calibration is None
    assert calibrated.without([], model).calibration is None


def test_a_search_with_calibration_meets_targets_that_are_out_of_reach_without() -> None:
    """With its logits shrunk the planted network is right but unsure; a scale repairs that."""
    model, task = first_token_model(), first_token_task()
    with torch.no_grad():
        model.unembed.weight.mul_(0.15)
    means = mean_activations(model, first_token_corpus())
    config = NodeMaskConfig(
        steps=200, batch_size=64, lr=0.02, price_start=1e-5, price_end=0.05, calibrate=True
    )
    fitted = NodeMasks(config).fit(model, task, means, (0.1,))
    assert fitted.circuits_[0.1] is None
    circuit = fitted.calibrated_circuits_[0.1]
    assert circuit is not None
    assert circuit.calibration is not None
    assert circuit.calibration.scale > 1
    assert sufficiency(circuit, model, task, "mean", means).loss < 0.1
    assert fitted.budget_.calibrations >= len(fitted.curve_)
