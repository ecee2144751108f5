"""Stacked and cut models against one mask at a time on the whole model."""

from collections.abc import Callable

import pytest
import torch

from netseams.discovery import node_effects
from netseams.discovery.body import Body
from netseams.discovery.layout import Layout
from netseams.interventions import masked_hooks
from netseams.models import Transformer, TransformerConfig, sites_of
from netseams.tasks import Examples, Task

SHAPE = {"n_layers": 2, "n_heads": 4, "d_model": 16, "d_mlp": 24, "n_ctx": 7, "d_vocab": 11}
KINDS = {
    "plain": {},
    "sinks": {"sinks": True, "bigram": True},
    "abs_topk": {"activation_density": 0.5},
}


def setup(random_model: Callable[..., Transformer], kind: str):
    cfg = TransformerConfig(**SHAPE, **KINDS[kind])
    model = random_model(cfg, 3).double()
    draws = torch.Generator().manual_seed(5)
    fill = {s.name: torch.randn(s.shape, generator=draws).double() for s in sites_of(cfg)}
    tokens = torch.randint(0, 11, (12, 7), generator=draws)
    answers = torch.tensor([6, 3]).expand(12, -1)
    return cfg, model, fill, tokens, answers, draws


def masks(layout: Layout, share: float, draws: torch.Generator) -> torch.Tensor:
    return (torch.rand(3, layout.n_nodes, generator=draws) < share).double()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.1, 0.6])
@pytest.mark.parametrize("cut", [False, True])
def test_many_masks_at_once_are_each_one_alone(random_model, kind, share, cut) -> None:
    cfg, model, fill, tokens, answers, draws = setup(random_model, kind)
    layout = Layout(cfg)
    gates = masks(layout, share, draws)
    alive = layout.by_site(gates.any(0)) if cut else None
    with torch.no_grad():
        found = Body(model, fill, alive)(tokens, answers, layout.by_site(gates))
        for i, rows in enumerate(torch.arange(12).split(4)):
            hooks = masked_hooks(layout.by_site(gates[i]), fill)
            alone = model.run_with_hooks(tokens[rows], hooks, answers[rows])
            assert torch.allclose(found[rows], alone, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_mask_can_be_cut(random_model, kind) -> None:
    cfg, model, fill, tokens, answers, _ = setup(random_model, kind)
    layout = Layout(cfg)
    gates = torch.zeros(1, layout.n_nodes, dtype=torch.double)
    with torch.no_grad():
        found = Body(model, fill, layout.by_site(gates[0] > 0))(
            tokens, answers, layout.by_site(gates)
        )
        hooks = masked_hooks(layout.by_site(gates[0]), fill)
        assert torch.allclose(found, model.run_with_hooks(tokens, hooks, answers), atol=1e-9)


def test_cutting_leaves_the_model_alone(random_model) -> None:
    cfg, model, fill, _, _, draws = setup(random_model, "plain")
    layout = Layout(cfg)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    shapes = {name: constant.shape for name, constant in fill.items()}
    Body(model, fill, layout.by_site(masks(layout, 0.3, draws)[0] > 0))
    assert {name: constant.shape for name, constant in fill.items()} == shapes
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name])


@pytest.mark.parametrize("kind", ["plain", "sinks"])
def test_attribution_against_finite_differences(random_model, kind) -> None:
    """Gates moved by a little, one node at a time, through the whole model."""
    cfg, model, fill, tokens, answers, draws = setup(random_model, kind)
    tokens = tokens[:3]
    targets = torch.randint(0, 2, (3, 2), generator=draws)
    examples = Examples(tokens, tokens, targets, targets)
    task = Task(
        name="t", corpus="c", question="?", candidates=torch.tensor([4, 9]),
        answers=answers[0].contiguous(), splits={"mask_train": examples}, scores_both=False,
        floor_accuracy=0.5, floor_loss=0.7,
    )  # fmt: skip
    layout = Layout(cfg)
    found = node_effects(model, task, fill, tokens, targets)

    def loss(gates: torch.Tensor, row: int) -> float:
        hooks = masked_hooks(layout.by_site(gates), fill)
        with torch.no_grad():
            logits = model.run_with_hooks(tokens[row : row + 1], hooks, answers[:1])[0, :, [4, 9]]
        right = logits.log_softmax(-1)[torch.arange(2), targets[row]]
        return float(-right.mean())

    for node in range(0, layout.n_nodes, 13):
        for row in (2,):
            step = torch.zeros(layout.n_nodes, dtype=torch.double)
            step[node] = 1e-5
            rise = (loss(1 - step, row) - loss(1 + step, row)) / 2e-5
            assert float(found[row, node]) == pytest.approx(rise, abs=1e-7)
