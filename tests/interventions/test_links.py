"""Runs over links: the two ends are ordinary runs, and everything between is worked out apart."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from link_reference import effect_of_every_link, writes
from torch import Tensor

from netseams.core import SettingError
from netseams.interventions import (
    ablated_values,
    link_slopes,
    patch_every_link,
    run_with_links,
    source_values,
)
from netseams.models import Transformer, TransformerConfig, component_graph

SHAPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "sinks and bigram": {"sinks": True, "bigram": True},
    "positions beside": {"positions": "concatenated", "d_pos": 3, "sinks": True},
    "layer norm": {"norm": "layer", "norm_gain": True, "norm_bias": True, "head_width": 6},
    "one layer, no biases": {"n_layers": 1, "biases": False, "positions": "none"},
    "top-k": {"activation_density": 0.5},
}


def build(kind: str, random_model: Callable[..., Transformer]) -> Transformer:
    small = {
        "n_layers": 2, "n_heads": 2, "d_model": 8, "d_mlp": 12, "n_ctx": 6, "d_vocab": 11,
    }  # fmt: skip
    return random_model(TransformerConfig(**(small | SHAPES[kind]))).double()


def inputs(n: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """Clean and corrupt tokens that agree at the answer positions."""
    draws = torch.Generator().manual_seed(3)
    clean = torch.randint(0, 11, (n, 6), generator=draws)
    corrupt = torch.randint(0, 11, (n, 6), generator=draws)
    answers = torch.tensor([[3, 5]]).expand(n, -1)
    corrupt[:, [3, 5]] = clean[:, [3, 5]]
    return clean, corrupt, answers


def bent(logits: Tensor) -> Tensor:
    """Something of the logits (N, B, P, V) that is not linear in them."""
    return logits.sin().sum((1, 2, 3))


@pytest.mark.parametrize("kind", SHAPES)
def test_the_ends_are_ordinary_runs(kind: str, random_model: Callable[..., Transformer]) -> None:
    model = build(kind, random_model)
    clean, corrupt, answers = inputs()
    n = component_graph(model.cfg).n_links
    ends = torch.stack([torch.ones(n), torch.zeros(n)])
    for where in (None, answers):
        ablated = ablated_values("resample", model, corrupt, where)
        with torch.no_grad():
            whole, none = run_with_links(model, clean, ends, ablated, where)
            torch.testing.assert_close(whole, model(clean, None, where))
            if where is not None or model.bigram is None:  # the bigram row is the clean token's
                torch.testing.assert_close(none, model(corrupt, None, where))


@pytest.mark.parametrize("kind", ["mean", "zero"])
def test_without_links_only_constants_are_read(
    kind: Any, random_model: Callable[..., Transformer]
) -> None:
    """All components at their constants, then the final norm and the unembedding."""
    model = build("layer norm", random_model)
    clean, corrupt, _ = inputs()
    ablated = ablated_values(kind, model, corrupt)
    none = torch.zeros(1, component_graph(model.cfg).n_links)
    with torch.no_grad():
        logits = run_with_links(model, clean, none, ablated)[0]
        stream = sum(block.attn.out.bias for block in model.blocks)
        if kind == "mean":
            stream = stream + sum(x.mean(dim=(0, 1)) for x in writes(model, corrupt).values())
        wanted = model.unembed(model.ln_final(stream.view(1, 1, -1)))
    torch.testing.assert_close(logits, wanted.expand_as(logits))


def test_sources_sum_to_the_stream(random_model: Callable[..., Transformer]) -> None:
    model = build("layer norm", random_model)
    clean, _, _ = inputs()
    found = source_values(model, clean)
    for name, x in writes(model, clean).items():
        torch.testing.assert_close(found[name], x)
    with torch.no_grad():
        _, cache = model.run_with_cache(clean, ["blocks.1.hook_resid_post"])
        biases = sum(block.attn.out.bias for block in model.blocks)
    torch.testing.assert_close(sum(found.values()) + biases, cache["blocks.1.hook_resid_post"])


@pytest.mark.parametrize(
    ("kind", "ablation"),
    [(kind, "resample") for kind in SHAPES if kind != "top-k"]
    + [("layer norm", "mean"), ("positions beside", "zero")],
)
def test_patching_is_that_of_one_link_at_a_time(
    kind: str, ablation: Any, random_model: Callable[..., Transformer]
) -> None:
    model = build(kind, random_model)
    clean, corrupt, answers = inputs()
    ablated = {
        "resample": writes(model, corrupt),
        "mean": {s: x.mean(dim=(0, 1), keepdim=True) for s, x in writes(model, corrupt).items()},
        "zero": {s: torch.zeros_like(x) for s, x in writes(model, corrupt).items()},
    }[ablation]
    wanted = effect_of_every_link(model, clean, ablated, answers, bent)
    ours = ablated_values(ablation, model, corrupt, answers)
    torch.testing.assert_close(patch_every_link(model, clean, ours, answers, bent), wanted)
    assert wanted.std() > 0.01
    gates = 1 - torch.eye(len(wanted))
    with torch.no_grad():
        masked = bent(run_with_links(model, clean, gates, ours, answers))
    torch.testing.assert_close(masked, wanted)


def test_pieces_do_not_matter(
    random_model: Callable[..., Transformer], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build("plain", random_model)
    clean, corrupt, answers = inputs()
    ablated = ablated_values("resample", model, corrupt, answers)
    whole = patch_every_link(model, clean, ablated, answers, bent)
    for size in (1, 40, 100):
        monkeypatch.setattr("netseams.interventions.patching.TOKENS_AT_ONCE", size)
        torch.testing.assert_close(patch_every_link(model, clean, ablated, answers, bent), whole)


def test_top_k_sees_all_heads(random_model: Callable[..., Transformer]) -> None:
    """Into the MLPs and the logits the reference holds there too; heads share their AbsTopK."""
    model = build("top-k", random_model)
    clean, corrupt, answers = inputs()
    graph = component_graph(model.cfg)
    ablated = ablated_values("resample", model, corrupt, answers)
    ours = patch_every_link(model, clean, ablated, answers, bent)
    plain = [link for link in graph.links if "<" not in link[1] and link[0][0] != "a"]
    wanted = effect_of_every_link(model, clean, writes(model, corrupt), answers, bent, plain)
    torch.testing.assert_close(ours[graph.mask(plain)], wanted)


def linear_model() -> Transformer:
    """Attention without queries looks at all positions alike; ReLUs are far from their kink; the
    norm divides by a constant, up to rounding."""
    cfg = TransformerConfig(
        n_layers=2, n_heads=2, d_model=8, d_mlp=12, n_ctx=6, d_vocab=11, activation="relu",
        norm_epsilon=1e14,
    )  # fmt: skip
    draws = torch.Generator().manual_seed(0)
    model = Transformer(cfg).double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0.0, 0.5, generator=draws)
            if ".attn.q." in name:
                parameter.zero_()
            if name.endswith(("q.weight", "k.weight", "v.weight", "up.weight", "unembed.weight")):
                parameter.mul_(1e7)
            if name.endswith("up.bias"):
                parameter.add_(100.0)
    return model


def test_in_a_linear_network_the_slope_is_the_effect() -> None:
    model = linear_model()
    clean, corrupt, answers = inputs()
    ablated = ablated_values("resample", model, corrupt, answers)
    weights = torch.randn(11, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def linear(logits: Tensor) -> Tensor:
        return (logits @ weights).sum((1, 2))

    with torch.no_grad():
        whole = linear(model(clean, None, answers).unsqueeze(0))
    effects = patch_every_link(model, clean, ablated, answers, linear) - whole
    directions = {s: ablated[s] - x for s, x in source_values(model, clean, answers).items()}
    slopes = link_slopes(model, clean, directions, answers, linear)
    torch.testing.assert_close(slopes, effects, rtol=1e-6, atol=1e-6)
    assert effects.abs().max() > 1
    into_keys = [i for i, (_, t) in enumerate(component_graph(model.cfg).links) if "<k>" in t]
    assert effects[into_keys].abs().max() < 1e-9  # nothing asks


def test_slopes_are_those_of_the_gates(random_model: Callable[..., Transformer]) -> None:
    """On the clean run an attribution is minus the slope of the link's own gate."""
    model = build("sinks and bigram", random_model)
    clean, corrupt, answers = inputs()
    ablated = ablated_values("resample", model, corrupt, answers)
    gates = torch.ones(1, component_graph(model.cfg).n_links, dtype=torch.float64)
    gates.requires_grad_()
    bent(run_with_links(model, clean, gates, ablated, answers)).sum().backward()
    assert gates.grad is not None
    directions = {s: ablated[s] - x for s, x in source_values(model, clean, answers).items()}
    slopes = link_slopes(model, clean, directions, answers, bent)
    torch.testing.assert_close(slopes, -gates.grad.squeeze(0))


def test_a_bent_stream_is_refused(random_model: Callable[..., Transformer]) -> None:
    cfg = TransformerConfig(n_layers=1, n_heads=2, d_model=8, d_mlp=12, n_ctx=6, d_vocab=11)
    for change in (
        {"residual": "relu"},
        {"activation_density": 0.5, "activation_sites": ("hook_resid_mid",)},
    ):
        model = random_model(cfg.model_copy(update=change))
        with pytest.raises(SettingError, match="sum of its writes"):
            source_values(model, inputs()[0])


def test_nothing_of_the_model_changes(random_model: Callable[..., Transformer]) -> None:
    model = build("plain", random_model)
    before = {name: p.clone() for name, p in model.named_parameters()}
    clean, corrupt, answers = inputs()
    ablated = ablated_values("resample", model, corrupt, answers)
    patch_every_link(model, clean, ablated, answers, bent)
    link_slopes(model, clean, ablated, answers, bent)
    for name, parameter in model.named_parameters():
        assert torch.equal(parameter, before[name])
        assert parameter.requires_grad
        assert parameter.grad is None
