"""The search for a module, on a network in which every question has a head of its own."""

import pytest
import torch
from torch import Tensor

from netseams.core import SettingError
from netseams.discovery import NecessaryNodes, NecessaryNodesConfig, function_of
from netseams.interventions import means_over, untrained_twin
from netseams.models import Transformer
from netseams.planted import PLANTED

CONFIG = NecessaryNodesConfig(steps=60, snapshots=12, price_end=0.1)


def head(model: Transformer, number: int) -> dict[str, Tensor]:
    own = torch.arange(model.cfg.d_attn) // model.cfg.d_head == number
    return {f"blocks.0.attn.hook_{letter}": own for letter in "qkv"}


def search(model: Transformer, tasks, own: int, region: dict[str, Tensor]) -> NecessaryNodes:
    means = means_over(model, [task.rows("mask_train")[0] for task in tasks])
    functions = [function_of(task) for task in tasks]
    return NecessaryNodes(CONFIG).fit(model, functions[own], [functions[1 - own]], region, means)


@pytest.mark.parametrize("own", [0, 1])
def test_of_all_heads_the_functions_own_is_found(own: int) -> None:
    planted = PLANTED["two_modules"]()
    model = planted.model
    everywhere = {site: torch.ones_like(mask) for site, mask in head(model, 0).items()}
    found = search(model, planted.tasks, own, everywhere)
    truth = head(model, own)
    assert sum(int(mask.sum()) for mask in found.nodes_.values()) > 0
    for site, mask in found.nodes_.items():
        assert not (mask & ~truth[site]).any(), site
    before = {name: p.clone() for name, p in model.named_parameters()}
    assert all(p.requires_grad for p in model.parameters())
    assert all(torch.equal(before[name], p) for name, p in model.named_parameters())
    best = min(point.loss for point in found.curve_)
    assert best < 0.2 * found.whole_  # the function is gone, its sibling is not


def test_nothing_is_found_where_the_function_is_not() -> None:
    planted = PLANTED["two_modules"]()
    others = search(planted.model, planted.tasks, 0, head(planted.model, 1))
    assert not any(mask.any() for mask in others.nodes_.values())
    twin = untrained_twin(planted.model, 0)
    everywhere = {site: torch.ones_like(mask) for site, mask in head(twin, 0).items()}
    untrained = search(twin, planted.tasks, 0, everywhere)
    assert untrained.whole_ - min(point.loss for point in untrained.curve_) < 0.1


def test_a_region_is_kept_to_and_siblings_are_needed() -> None:
    planted = PLANTED["two_modules"]()
    half = head(planted.model, 0)
    for mask in half.values():
        mask[::2] = False
    found = search(planted.model, planted.tasks, 0, half)
    assert all(not (found.nodes_[site] & ~half[site]).any() for site in half)
    function = function_of(planted.tasks[0])
    with pytest.raises(SettingError, match="necessity needs other functions"):
        NecessaryNodes(CONFIG).fit(planted.model, function, [], half, half)
