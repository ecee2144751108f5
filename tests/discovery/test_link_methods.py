"""Methods over links: worked by hand, against slow and plain twins, and on the planted circuit."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from netseams.core import SettingError
from netseams.discovery import (
    METHODS,
    Acdc,
    AcdcConfig,
    ActivationPatching,
    EdgeAttribution,
    IntegratedConfig,
    IntegratedEdgeAttribution,
    LinkScoreConfig,
    score_error,
)
from netseams.discovery.link_rows import LinkRows
from netseams.discovery.link_search import spread_sizes
from netseams.evaluation import agreement, next_token_rise, removal_scores, sufficiency
from netseams.interventions import ablated_values, mean_activations, patch_every_link
from netseams.models import Transformer, TransformerConfig, component_graph, component_of
from netseams.planted import PLANTED
from netseams.tasks import Examples, Task
from planted import PlantedCorpus, planted_model, planted_task

LINK_METHODS = ["activation_patching", "eap", "eap_ig", "acdc", "edge_masks"]
TRUE_LINKS = {
    ("input", "a0.h0<q>"), ("input", "a0.h0<k>"), ("input", "a0.h0<v>"), ("a0.h0", "logits"),
}  # fmt: skip
"""Of the planted network, under zero ablation."""
VALUE_PATH = {("input", "a0.h0<v>"), ("a0.h0", "logits")}
"""Under resample ablation: members of a pair differ in what is carried, not in where it is."""


def quick(name: str, **changes: Any) -> Any:
    method: Any = METHODS[name]()
    if name == "edge_masks":
        changes["steps"] = 100
    method.config = method.config.model_copy(update=changes)
    return method


def worked_model() -> Transformer:
    """d_model 4, so that a vector of length 2 is its own RMSNorm. Tokens A, B lie on channels 0
    and 1. The head looks at all positions alike, takes channel 0 and writes three times that to
    channel 2; the MLP is silent. Logits read channels 2 and 1."""
    cfg = TransformerConfig(
        n_layers=1, n_heads=1, d_model=4, d_mlp=2, n_ctx=2, d_vocab=2, positions="none",
        norm_epsilon=1e-12,
    )  # fmt: skip
    model = Transformer(cfg).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.embed.weight[0, 0] = model.embed.weight[1, 1] = 2.0
        model.blocks[0].attn.v.weight[0, 0] = 1.0
        model.blocks[0].attn.out.weight[2, 0] = 3.0
        model.unembed.weight[0, 2] = model.unembed.weight[1, 1] = 1.0
    return model


def test_effects_worked_by_hand() -> None:
    """Clean A B, corrupt B B, answer behind the second token, measured: the logits' difference.

    Clean: the head sees values 2 and 0, so writes 3 x 1; the stream is (0, 2, 3, 0) with root mean
    square sqrt(13) / 2; the difference is (3 - 2) / that. Corrupt: (0, 2, 0, 0), difference -2.
    """
    model = worked_model()
    clean, corrupt, answers = torch.tensor([[0, 1]]), torch.tensor([[1, 1]]), torch.tensor([[1]])
    ablated = ablated_values("resample", model, corrupt, answers)

    def difference(logits: Tensor) -> Tensor:
        return (logits[..., 0] - logits[..., 1]).sum((1, 2))

    values = patch_every_link(model, clean, ablated, answers, difference).tolist()
    found = dict(zip(component_graph(model.cfg).links, values, strict=True))
    whole, broken = 2 / math.sqrt(13), -2.0
    assert found == pytest.approx({
        ("input", "a0.h0<q>"): whole,  # nobody asks
        ("input", "a0.h0<k>"): whole,
        ("input", "a0.h0<v>"): broken,
        ("input", "m0"): whole,  # the MLP is silent
        ("a0.h0", "m0"): whole,
        ("input", "logits"): whole,  # the second token is the same
        ("a0.h0", "logits"): broken,
        ("m0", "logits"): whole,
    })  # fmt: skip


@pytest.mark.parametrize("name", LINK_METHODS)
def test_the_planted_links_are_found_under_zero_ablation(name: str) -> None:
    """Slopes do not see that far: a gate in a saturated softmax has none, and at an input of zero
    that of RMSNorm is 1 / sqrt(epsilon). They find the links, and others with them."""
    method = quick(name, ablation="zero").fit(planted_model(), planted_task(), {}, (0.05,))
    circuit = method.circuits_[0.05]
    assert circuit is not None
    if name in ("eap", "eap_ig"):
        assert circuit.links > TRUE_LINKS
    else:
        assert circuit.links == TRUE_LINKS


@pytest.mark.parametrize("name", ["activation_patching", "eap", "eap_ig", "acdc"])
def test_pairs_single_out_the_path_of_values(name: str) -> None:
    method = quick(name).fit(planted_model(), planted_task(), {}, (0.05,))
    circuit = method.circuits_[0.05]
    assert circuit is not None
    assert circuit.links == VALUE_PATH


def random_task(n: int = 12) -> Task:
    draws = torch.Generator().manual_seed(5)
    splits = {}
    for split in ("mask_train", "select", "report"):
        clean, corrupt = torch.randint(0, 11, (2, n, 6), generator=draws)
        splits[split] = Examples(clean, corrupt, clean[:, :2] % 3, corrupt[:, :2] % 3)
    return Task(
        name="random", corpus="none", question="", candidates=torch.tensor([1, 4, 7]),
        answers=torch.tensor([2, 5]), splits=splits, scores_both=True, floor_accuracy=1 / 3,
        floor_loss=math.log(3),
    )  # fmt: skip


@pytest.fixture
def model(random_model: Callable[..., Transformer]) -> Transformer:
    cfg = TransformerConfig(n_layers=2, n_heads=2, d_model=8, d_mlp=12, n_ctx=6, d_vocab=11)
    return random_model(cfg).double()


def plain_loss(model: Transformer, task: Task, logits_of: Callable[[Tensor], Tensor]) -> Tensor:
    tokens, targets = task.rows("mask_train")
    logits = logits_of(tokens)[:, task.answers][..., task.candidates]
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def test_losses_are_task_losses(model: Transformer) -> None:
    task = random_task()
    rows = LinkRows(model, task, "mask_train", "resample")
    n = rows.graph.n_links
    whole = float(plain_loss(model, task, model).detach())
    assert rows.loss(torch.ones(n)) == pytest.approx(whole)
    ablated = float(plain_loss(model, task, lambda _: model(task.partners("mask_train"))).detach())
    assert rows.loss(torch.zeros(n)) == pytest.approx(ablated)
    assert rows.loss(torch.ones(n)) != pytest.approx(ablated)


def test_effects_are_rises_of_the_loss(model: Transformer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where rows go through in parts of unequal size."""
    rows = LinkRows(model, random_task(), "mask_train", "resample")
    gates = 1 - torch.eye(rows.graph.n_links)
    with torch.no_grad():
        wanted = rows.losses(gates) - rows.loss(torch.ones(rows.graph.n_links))
    torch.testing.assert_close(rows.effects(), wanted.to(torch.float32))
    slopes = rows.slopes(0.3)
    monkeypatch.setattr("netseams.discovery.link_rows.ROWS_AT_ONCE", 7)
    torch.testing.assert_close(rows.effects(), wanted.to(torch.float32))
    torch.testing.assert_close(rows.slopes(0.3), slopes)


def test_gradients_are_taken_on_the_run_that_is_named(model: Transformer) -> None:
    """Into `logits` the slope has a closed form: change of the stream . d loss / d stream."""
    task = random_task()
    rows = LinkRows(model, task, "mask_train", "resample")
    tokens, partners = task.rows("mask_train")[0], task.partners("mask_train")
    final, start = "blocks.1.hook_resid_post", "blocks.0.hook_resid_pre"
    with torch.no_grad():
        _, clean = model.run_with_cache(tokens, [start, "blocks.1.hook_mlp_out"])
        _, corrupt = model.run_with_cache(partners, [start, "blocks.1.hook_mlp_out"])
    link = rows.graph.index[("m1", "logits")]
    for towards in (1.0, 0.0, 0.25):
        mixed = corrupt[start] + towards * (clean[start] - corrupt[start])
        seen: list[Tensor] = []

        def keep(x: Tensor, seen: list[Tensor] = seen) -> Tensor:
            seen.append(x.detach().requires_grad_())
            return seen[-1]

        hooks = {start: lambda _, mixed=mixed: mixed.detach(), final: keep}
        plain_loss(model, task, lambda t, hooks=hooks: model(t, hooks)).backward()
        change = corrupt["blocks.1.hook_mlp_out"] - clean["blocks.1.hook_mlp_out"]
        wanted = (change * seen[0].grad).sum().item()
        assert float(rows.slopes(towards)[link]) == pytest.approx(wanted, rel=1e-4)
    model.zero_grad()


def test_integration_averages_slopes_along_the_way(model: Transformer) -> None:
    rows = LinkRows(model, random_task(), "mask_train", "resample")
    left = IntegratedEdgeAttribution(IntegratedConfig(steps=2)).scores(rows)
    torch.testing.assert_close(left, (rows.slopes(0.0) + rows.slopes(0.5)) / 2)
    config = IntegratedConfig(steps=2, rule="midpoint")
    middle = IntegratedEdgeAttribution(config).scores(rows)
    torch.testing.assert_close(middle, (rows.slopes(0.25) + rows.slopes(0.75)) / 2)
    torch.testing.assert_close(EdgeAttribution().scores(rows), rows.slopes(1.0))


def one_by_one(rows: LinkRows, threshold: float) -> set[tuple[str, str]]:
    """ACDC as in the paper: one drop, one run."""
    graph = rows.graph
    kept = set(graph.links)
    loss = rows.loss(graph.mask(kept))
    for target in reversed(graph.targets):
        for source in reversed(graph.sources[: graph.n_sources[target]]):
            component = component_of(target)
            if component != "logits" and not any(s == component for s, _ in kept):
                kept.discard((source, target))
                continue
            without = rows.loss(graph.mask(kept - {(source, target)}))
            if without - loss <= threshold:
                kept.discard((source, target))
                loss = without
    return kept


@pytest.mark.parametrize("threshold", [0.0, 0.02])
def test_acdc_in_one_go_is_acdc_one_by_one(model: Transformer, threshold: float) -> None:
    rows = LinkRows(model, random_task(), "mask_train", "resample")
    wanted = one_by_one(rows, threshold)
    for at_once in (3, 16):
        method = Acdc(AcdcConfig(thresholds=(threshold,), at_once=at_once, pairs_up_to=0))
        _, (_, ranking) = method._rankings(rows)
        kept = rows.graph.links_in(ranking.scores > -torch.inf)
        assert kept == wanted
        assert ranking.sizes == (len(wanted),)
    assert 0 < len(wanted) < rows.graph.n_links


@pytest.mark.parametrize("ablation", ["mean", "zero", "resample"])
def test_parts_that_cancel_go_in_pairs(ablation: Any) -> None:
    """Two heads of the planted network cancel: one at a time each is missed."""
    planted = PLANTED["cancellation"]()
    (task,) = planted.tasks
    (true,) = planted.truths[task.name].circuits[ablation]
    found = {}
    for most in (0, 16):
        method = Acdc(AcdcConfig(thresholds=(0.01,), pairs_up_to=most, ablation=ablation))
        (circuit,) = method.fit(planted.model, task, {}, (0.05,)).circuits_.values()
        assert circuit is not None
        found[most] = set(circuit.links)
    assert found[16] == true
    assert found[0] > true


def test_ranking_by_effect_leaves_out_what_harms() -> None:
    scores = {}
    for rank_by in ("magnitude", "effect"):
        config = LinkScoreConfig(rank_by=rank_by, curve_points=3)
        method = ActivationPatching(config)
        _, ranking = method._rankings(
            LinkRows(planted_model(), planted_task(), "mask_train", "resample")
        )
        scores[rank_by] = ranking[0].scores
        assert ranking[0].sizes == (0, 1, 4, 13)
    torch.testing.assert_close(scores["magnitude"], scores["effect"].abs())
    assert bool((scores["effect"] < 0).any())


def test_sizes_spread_by_equal_factors() -> None:
    assert spread_sizes(100, 3) == (0, 1, 10, 100)
    assert spread_sizes(7, 1) == (7,)


def test_fewer_pairs_are_drawn_by_seed(model: Transformer) -> None:
    task = random_task()
    some = [LinkRows(model, task, "mask_train", "resample", 3, seed) for seed in (0, 0, 1)]
    assert [len(rows) for rows in some] == [6, 6, 6]  # both members of a pair count
    first, again, other = (rows.effects() for rows in some)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_circuits_of_links_are_scored() -> None:
    """Alone they do the task, without them it is at the partner's answer; so is agreement."""
    model, task = planted_model(), planted_task()
    means = mean_activations(model, PlantedCorpus())
    circuit = quick("activation_patching").fit(model, task, means, (0.05,)).circuits_[0.05]
    assert circuit is not None
    assert sufficiency(circuit, model, task, "resample", means).accuracy == 1.0
    assert agreement(circuit, model, task, "resample", means).same_answer == 1.0
    (removed,) = removal_scores(circuit, model, [task], "resample", means)
    assert removed.accuracy == 0.0  # every answer is that of the other member of the pair
    (removed,) = removal_scores(circuit, model, [task], "mean", means)
    assert removed.accuracy == pytest.approx(0.5, abs=0.1)
    kept = quick("acdc", ablation="zero").fit(model, task, means, (0.05,)).circuits_[0.05]
    assert sufficiency(kept, model, task, "zero", means).accuracy == 1.0
    assert math.isnan(next_token_rise(circuit, model, PlantedCorpus(), means))  # it has no targets


def test_errors_of_scores() -> None:
    exact = torch.tensor([3.0, -1.0, 0.0, 2.0])
    same = score_error(exact, 2 * exact, top=2)
    assert (same.pearson, same.spearman, same.shared) == pytest.approx((1.0, 1.0, 1.0))
    assert same.relative == pytest.approx(1.0)
    turned = score_error(exact, -exact, top=1)
    assert (turned.pearson, turned.spearman, turned.relative) == pytest.approx((-1.0, -1.0, 2.0))
    tied = score_error(exact, torch.tensor([1.0, 0.0, 0.0, 1.0]), top=2)
    # ranks 4, 1, 2, 3 against 3.5, 1.5, 1.5, 3.5
    assert tied.spearman == pytest.approx(4 / math.sqrt(5 * 4))
    assert tied.shared == 1.0
    assert score_error(exact, torch.ones(4)).pearson is None
    with pytest.raises(SettingError, match="cannot be compared"):
        score_error(exact, torch.ones(3))
    with pytest.raises(SettingError, match="largest 9"):
        score_error(exact, exact, top=9)


def test_pairs_that_are_the_same_do_for_other_ablations() -> None:
    task = planted_task()
    splits = {split: replace(e, corrupt=e.clean) for split, e in task.splits.items()}
    method = quick("eap", ablation="zero")
    assert method.fit(planted_model(), replace(task, splits=splits), {}, (10.0,)).curve_
