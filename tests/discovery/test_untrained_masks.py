"""Sufficiency is not evidence: networks that never learned hold masks that do the task.

After emergent subnetworks' own control (arXiv 2301.10884, random models) at toy size.
"""

import pytest
import torch

from netseams.core import TaskError
from netseams.corpora import StringOps, StringOpsConfig
from netseams.discovery import WeightMaskConfig, WeightMasks
from netseams.evaluation import score_network, sufficiency
from netseams.models import Transformer, TransformerConfig
from netseams.tasks import Task, build_task


@pytest.fixture(scope="module")
def task() -> Task:
    return build_task("reverse", StringOps(StringOpsConfig(length=4)), 10)


@pytest.fixture(scope="module")
def untrained(task: Task) -> Transformer:
    """Never trained; larger weights than ours start with, as torch's own layers have."""
    cfg = TransformerConfig(n_layers=3, n_heads=4, d_model=64, d_mlp=256, n_ctx=10, d_vocab=19)
    model = Transformer(cfg, seed=1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and name.startswith("blocks"):
                draws = torch.Generator().manual_seed(len(name))
                parameter.uniform_(-1, 1, generator=draws).mul_(parameter.shape[1] ** -0.5)
            elif parameter.ndim == 2:
                parameter.mul_(5)
    return model


@pytest.mark.slow
def test_a_mask_makes_an_untrained_network_do_the_task(untrained: Transformer, task: Task) -> None:
    assert score_network(untrained, task).accuracy < 0.2
    config = WeightMaskConfig(steps=600, price_start=0.3, price_end=10.0, batch_size=32)
    fitted = WeightMasks(config).fit(untrained, task, {}, (0.2,))
    circuit = fitted.circuits_[0.2]
    assert circuit is not None
    assert circuit.edge_share < 0.3
    assert sufficiency(circuit, untrained, task, "zero", {}).accuracy > 0.9
    assert circuit.found_by["drift"]["verdict"] == "fine_tuning"


def test_the_gate_refuses_to_explain_an_untrained_network(
    untrained: Transformer, task: Task
) -> None:
    config = WeightMaskConfig(objective="faithful", on_drift="refuse", steps=2)
    with pytest.raises(TaskError, match="no_behaviour: the unmasked network does reverse"):
        WeightMasks(config).fit(untrained, task, {}, (0.2,))
