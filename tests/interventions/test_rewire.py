from collections.abc import Callable

import pytest
import torch

from netseams.interventions import redrawn_on_support, untrained_twin
from netseams.models import Transformer, TransformerConfig

OPTIONS = {
    "plain": {},
    "all": {"sinks": True, "bigram": True, "activation_density": 0.5},
    "others": {
        "norm": "layer",
        "norm_gain": True,
        "norm_bias": True,
        "d_pos": 3,
        "positions": "concatenated",
        "tied_unembed": True,
        "unembed_bias": True,
    },
}


@pytest.fixture(params=OPTIONS.values(), ids=OPTIONS)
def sparse(request: pytest.FixtureRequest, random_model: Callable[..., Transformer]) -> Transformer:
    """A different share of weights left in every tensor."""
    cfg = TransformerConfig(
        n_layers=2, n_heads=2, d_model=8, d_mlp=12, n_ctx=6, d_vocab=11, **request.param
    )
    model = random_model(cfg)
    draws = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for i, parameter in enumerate(model.parameters()):
            kept = torch.rand(parameter.shape, generator=draws) < (i % 5 + 1) / 5
            parameter.mul_(kept)
    return model


TOKENS = torch.tensor([[1, 2, 3, 4, 5, 6]])


def test_an_untrained_twin_has_the_counts_and_not_the_values(sparse: Transformer) -> None:
    twin = untrained_twin(sparse, seed=7)
    assert twin.cfg == sparse.cfg
    found = dict(twin.named_parameters())
    for name, parameter in sparse.named_parameters():
        if parameter.ndim < 2:
            continue
        if name == "bigram.weight":  # starts at zero
            assert not found[name].any()
            continue
        assert torch.count_nonzero(found[name]) == torch.count_nonzero(parameter), name
        assert not torch.equal(found[name], parameter), name
        both = (found[name] != 0) & (parameter != 0)
        assert not (found[name] == parameter)[both].any(), name


def test_an_untrained_twin_keeps_its_own_largest_weights(sparse: Transformer) -> None:
    fresh = dict(Transformer(sparse.cfg, 7).named_parameters())
    for name, parameter in untrained_twin(sparse, seed=7).named_parameters():
        if parameter.ndim >= 2 and not name.startswith("bigram"):
            kept = parameter != 0
            assert torch.equal(parameter[kept], fresh[name][kept])
            if not kept.all():
                assert fresh[name][kept].abs().min() >= fresh[name][~kept].abs().max()


def test_the_twin_of_a_dense_network_is_a_fresh_network(
    random_model: Callable[..., Transformer],
) -> None:
    model = random_model(TransformerConfig(n_layers=1, n_heads=2, d_model=8, d_mlp=8, d_vocab=11))
    fresh = Transformer(model.cfg, 4)
    for name, parameter in untrained_twin(model, seed=4).named_parameters():
        assert torch.equal(parameter, dict(fresh.named_parameters())[name])


def test_twins_differ_by_seed(sparse: Transformer) -> None:
    one, same, other = (untrained_twin(sparse, seed)(TOKENS) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_redrawing_keeps_places_and_values_of_every_tensor(sparse: Transformer) -> None:
    redrawn = redrawn_on_support(sparse, seed=3)
    assert redrawn.cfg == sparse.cfg
    found = dict(redrawn.named_parameters())
    for name, parameter in sparse.named_parameters():
        assert torch.equal(found[name] != 0, parameter != 0), name
        assert torch.equal(
            found[name].detach().flatten().sort().values, parameter.detach().flatten().sort().values
        )
        if torch.count_nonzero(parameter) > 8:
            moved = (found[name] != parameter)[parameter != 0].float().mean()
            assert float(moved) > 0.5, name


def test_redrawing_changes_the_output_and_not_the_original(sparse: Transformer) -> None:
    before = sparse(TOKENS).detach().clone()
    redrawn = redrawn_on_support(sparse, seed=3)
    assert float((redrawn(TOKENS) - before).detach().abs().max()) > 0.1
    assert torch.equal(sparse(TOKENS), before)


def test_redrawing_depends_on_its_seed_alone(sparse: Transformer) -> None:
    first = redrawn_on_support(sparse, seed=3)(TOKENS)
    torch.manual_seed(0)
    assert torch.equal(redrawn_on_support(sparse, seed=3)(TOKENS), first)
    assert not torch.equal(redrawn_on_support(sparse, seed=4)(TOKENS), first)


def test_every_order_is_equally_likely(random_model: Callable[..., Transformer]) -> None:
    """Where the first bias value lands, over many seeds, is uniform."""
    model = random_model(TransformerConfig(n_layers=1, n_heads=1, d_model=4, d_mlp=4, d_vocab=2))
    first = model.blocks[0].mlp.up.bias[0].detach()
    places = [
        int((redrawn_on_support(model, seed).blocks[0].mlp.up.bias == first).nonzero())
        for seed in range(400)
    ]
    counts = torch.bincount(torch.tensor(places), minlength=4)
    assert float(((counts - 100) ** 2 / 100).sum()) < 16.27  # chi-square, 3 df, p = .001
