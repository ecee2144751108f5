"""The losses of bridges against plain numpy, and where their gradients go."""

import numpy as np
import pytest
import torch

from netseams.core import generator
from netseams.models.bridge import Bridges, bridge_shape, copy_of, set_maps
from netseams.training.bridge_config import BridgeConfig
from netseams.training.bridge_losses import bridge_losses, divergence, nmse
from netseams.training.bridge_maps import constant_bridges, ridge_bridges
from twins import wide_twin


def identity(model) -> Bridges:
    d = model.cfg.d_model
    maps = [(torch.eye(d), torch.zeros(d))] * (2 * model.cfg.n_layers)
    return set_maps(Bridges(bridge_shape(model.cfg, model.cfg)), maps, maps)


@pytest.fixture
def batch(text_corpus):
    return text_corpus.batch("train", 4, 32, generator("test"))


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=generator("drawn", *shape))


def test_nmse_against_numpy():
    x, y = drawn(3, 5, 4), drawn(3, 5, 4) + 2.0
    a, b = x.numpy().reshape(-1, 4).astype(float), y.numpy().reshape(-1, 4).astype(float)
    error = ((a - b) ** 2).sum()
    assert float(nmse(x, y, "power")) == pytest.approx(error / (b**2).sum(), rel=1e-5)
    about_mean = ((b - b.mean(axis=0)) ** 2).sum()
    assert float(nmse(x, y, "variance")) == pytest.approx(error / about_mean, rel=1e-5)


def test_predicting_the_mean_scores_one():
    y = drawn(3, 5, 4) + 2.0
    mean = y.mean(dim=(0, 1)).expand_as(y)
    assert float(nmse(mean, y, "variance")) == pytest.approx(1.0, rel=1e-5)


def test_divergence_against_numpy_at_counted_positions_only():
    teacher, student = drawn(2, 3, 7), drawn(2, 3, 7) * 2
    counted = torch.tensor([[True, False, True], [False, False, True]])
    rows = []
    for i, j in counted.nonzero().tolist():
        p = np.exp(teacher[i, j].numpy().astype(float))
        q = np.exp(student[i, j].numpy().astype(float))
        p, q = p / p.sum(), q / q.sum()
        rows.append((p * np.log(p / q)).sum())
    assert float(divergence(teacher, student, counted)) == pytest.approx(np.mean(rows), rel=1e-4)


def test_identity_bridges_of_a_network_with_itself_lose_nothing(tiny_model, batch):
    losses = bridge_losses(identity(tiny_model), tiny_model, tiny_model, batch)
    assert losses.encode_nmse.tolist() == losses.decode_nmse.tolist() == [0.0] * 4
    assert losses.sparse_tail_kl.tolist() == losses.dense_tail_kl.tolist() == [0.0] * 4
    assert torch.equal(losses.dense_ce, losses.sparse_ce)
    assert losses.total(BridgeConfig()).item() == 0.0


def test_total_is_the_weighted_sum(tiny_model, random_model, batch):
    other = random_model(tiny_model.cfg, 7)
    losses = bridge_losses(identity(tiny_model), tiny_model, other, batch)
    config = BridgeConfig(nmse_weight=2.0, sparse_tail_weight=3.0, dense_tail_weight=5.0)
    expected = (
        2 * (losses.encode_nmse.sum() + losses.decode_nmse.sum()).item()
        + 3 * losses.sparse_tail_kl.sum().item()
        + 5 * losses.dense_tail_kl.sum().item()
    )
    assert losses.total(config).item() == pytest.approx(expected, rel=1e-5)
    learns = config.model_copy(update={"sparse": config.maps})
    with_sparse = losses.total(learns).item() - expected
    assert with_sparse == pytest.approx(losses.sparse_ce.item(), rel=1e-3)


def grads(module):
    return [p.grad for p in module.parameters() if p.grad is not None]


@pytest.mark.parametrize(
    ("family", "encoder", "decoder"),
    [
        ("encode_nmse", True, False),
        ("decode_nmse", False, True),
        ("sparse_tail_kl", True, False),
        ("dense_tail_kl", False, True),
    ],
)
def test_every_family_reaches_its_own_maps_and_no_frozen_network(
    tiny_model, random_model, batch, family, encoder, decoder
):
    dense = copy_of(tiny_model, trained=False)
    sparse = copy_of(random_model(tiny_model.cfg, 7), trained=False)
    bridges = Bridges(bridge_shape(dense.cfg, sparse.cfg))
    getattr(bridge_losses(bridges, dense, sparse, batch), family).sum().backward()
    assert bool(grads(bridges.encoders)) == encoder
    assert bool(grads(bridges.decoders)) == decoder
    assert not grads(dense)
    assert not grads(sparse)


def test_the_teachers_answer_is_not_a_learner(tiny_model, random_model, batch):
    dense = copy_of(tiny_model, trained=True)
    sparse = copy_of(random_model(tiny_model.cfg, 7), trained=False)
    bridges = Bridges(bridge_shape(dense.cfg, sparse.cfg))
    bridge_losses(bridges, dense, sparse, batch).sparse_tail_kl[0].backward()
    # From the first site the sparse tail sees the embedding alone.
    assert int(torch.count_nonzero(dense.embed.weight.grad)) > 0
    beyond = [*dense.blocks.parameters(), dense.unembed.weight]
    assert all(p.grad is None or not p.grad.any() for p in beyond)


def test_ridge_finds_a_hand_made_relation(tiny_model, text_corpus):
    twin, up = wide_twin(tiny_model)
    found = ridge_bridges(tiny_model, twin, text_corpus, ridge=1e-8)
    for site in range(4):
        torch.testing.assert_close(found.encoders[site].weight, up, rtol=1e-2, atol=2e-3)
        back = found.decoders[site].weight @ up  # beyond the twin's subspace nothing is known
        torch.testing.assert_close(back, torch.eye(16), rtol=1e-2, atol=2e-3)
    batch = text_corpus.batch("valid", 4, 32, generator("valid"))
    losses = bridge_losses(found, tiny_model, twin, batch)
    assert losses.encode_nmse.max().item() < 1e-6
    assert losses.dense_tail_kl.max().item() < 1e-4


def test_ridge_equals_the_normal_equations(tiny_model, random_model, text_corpus):
    """One batch, one site, by numpy's least squares on rows augmented with the penalty."""
    other = random_model(tiny_model.cfg, 3)
    found = ridge_bridges(tiny_model, other, text_corpus, ridge=0.1, n_sequences=64)
    draws = generator("bridge maps", text_corpus.name)
    inputs = text_corpus.batch("train", 64, 32, draws).inputs
    name = "blocks.1.hook_resid_mid"
    x, y = (
        m.run_with_cache(inputs, [name])[1][name].detach().flatten(0, 1).double().numpy()
        for m in (tiny_model, other)
    )
    a, b = x - x.mean(0), y - y.mean(0)
    penalty = 0.1 * a.var(axis=0).mean() * len(a)
    rows = np.vstack([a, np.sqrt(penalty) * np.eye(16)])
    weight = np.linalg.lstsq(rows, np.vstack([b, np.zeros((16, 16))]), rcond=None)[0].T
    np.testing.assert_allclose(found.encoders[3].weight.detach().numpy(), weight, atol=1e-4)
    bias = y.mean(0) - weight @ x.mean(0)
    np.testing.assert_allclose(found.encoders[3].bias.detach().numpy(), bias, atol=1e-3)


def test_constant_maps_give_the_mean(tiny_model, random_model, text_corpus):
    other = random_model(tiny_model.cfg, 3)
    found = constant_bridges(tiny_model, other, text_corpus, n_sequences=64)
    batch = text_corpus.batch("train", 64, 32, generator("bridge maps", text_corpus.name))
    losses = bridge_losses(found, tiny_model, other, batch)
    expected = torch.ones(4)
    torch.testing.assert_close(losses.encode_nmse, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(losses.decode_nmse, expected, rtol=1e-4, atol=1e-4)
