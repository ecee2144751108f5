"""Hybrids counted by brute force, run leg by leg, and known answers."""

import itertools

import pytest
import torch

from netseams.core import SettingError, generator
from netseams.evaluation.bridges import (
    MAX_HYBRIDS,
    Hybrid,
    HybridLosses,
    hybrid_logits,
    hybrid_losses,
    hybrid_segments,
    mean_loss_by_switches,
    unfaithfulness,
)
from netseams.models import Transformer
from netseams.models.bridge import Bridges, bridge_shape, bridge_sites, set_maps
from netseams.training.bridge_maps import constant_bridges
from twins import wide_twin


def identity(model: Transformer) -> Bridges:
    d = model.cfg.d_model
    maps = [(torch.eye(d), torch.zeros(d))] * (2 * model.cfg.n_layers)
    return set_maps(Bridges(bridge_shape(model.cfg, model.cfg)), maps, maps)


@pytest.mark.parametrize("n_layers", [1, 2])
def test_all_hybrids_of_small_networks(n_layers):
    found, every = hybrid_segments(n_layers)
    n = 2 * n_layers + 1
    assert every
    assert len(found) == len(set(found)) == 2**n
    assert set(found) == {"".join(letters) for letters in itertools.product("sd", repeat=n)}
    assert found[:2] == ["d" * n, "s" * n]


def test_deep_networks_get_all_single_switches_and_a_sample():
    found, every = hybrid_segments(4, n_sample=10, seed=1)
    assert not every
    assert MAX_HYBRIDS < 2**9
    single = {x for x in found if Hybrid(segments=x, loss=0.0).switches == 1}
    assert single == {a * k + b * (9 - k) for k in range(1, 9) for a, b in ("ds", "sd")}
    rest = [x for x in found if Hybrid(segments=x, loss=0.0).switches > 1]
    assert len(set(rest)) == len(rest) == 10
    assert len(found) == 2 + 16 + 10
    assert found == hybrid_segments(4, n_sample=10, seed=1)[0]
    assert found != hybrid_segments(4, n_sample=10, seed=2)[0]


def by_legs(bridges, dense, sparse, tokens, segments):
    """One hybrid alone: every stretch of one network is a pass with a hook at its start."""
    names = bridge_sites(dense.cfg.n_layers)
    residual, crossed = None, None
    for i in range(len(segments)):
        ends = i == len(segments) - 1 or segments[i + 1] != segments[i]
        if not ends:
            continue
        model = dense if segments[i] == "d" else sparse
        kept = {}
        hooks = {}
        if i < len(names):
            hooks[names[i]] = lambda x, kept=kept: kept.setdefault("x", x)
        if crossed is not None:
            hooks[names[crossed]] = lambda x, residual=residual: residual
        logits = model(tokens, hooks)
        if i < len(names):
            linear = bridges.encoders[i] if segments[i] == "d" else bridges.decoders[i]
            residual, crossed = linear(kept["x"]), i
    return logits


def test_every_hybrid_equals_its_legs_run_one_by_one(tiny_model, tiny_config, random_model):
    other = random_model(tiny_config.model_copy(update={"d_model": 24, "d_mlp": 20}), 5)
    bridges = Bridges(bridge_shape(tiny_model.cfg, other.cfg), seed=2)
    tokens = torch.randint(0, 400, (2, 9), generator=generator("hybrid tokens"))
    wanted, _ = hybrid_segments(2)
    seen = []
    with torch.no_grad():
        for segments, logits in hybrid_logits(bridges, tiny_model, other, tokens, wanted):
            torch.testing.assert_close(
                logits, by_legs(bridges, tiny_model, other, tokens, segments)
            )
            seen.append(segments)
    assert sorted(seen) == sorted(wanted)


def test_only_wanted_hybrids_are_given(tiny_model):
    tokens = torch.zeros(1, 4, dtype=torch.long)
    wanted = ["sdsdd", "ddddd"]
    with torch.no_grad():
        found = hybrid_logits(identity(tiny_model), tiny_model, tiny_model, tokens, wanted)
        assert {segments for segments, _ in found} == set(wanted)


def test_a_network_bridged_with_itself_loses_exactly_nothing(tiny_model, text_corpus):
    found = hybrid_losses(identity(tiny_model), tiny_model, tiny_model, text_corpus, n_sequences=64)
    assert len(found.hybrids) == 30
    assert found.every
    assert {hybrid.loss for hybrid in found.hybrids} == {found.dense} == {found.sparse}
    assert found.mean_excess == pytest.approx(0.0, abs=1e-12)


def test_the_wide_twin_loses_nothing_and_constants_do(tiny_model, text_corpus):
    twin, up = wide_twin(tiny_model)
    shape = bridge_shape(tiny_model.cfg, twin.cfg)
    zeros = (torch.zeros(32), torch.zeros(16))
    exact = set_maps(Bridges(shape), [(up, zeros[0])] * 4, [(up.T / 2, zeros[1])] * 4)
    pair = (tiny_model, twin, text_corpus)
    found = hybrid_losses(exact, *pair, n_sequences=64)
    worst = max(abs(hybrid.loss - found.dense) for hybrid in found.hybrids)
    assert worst < 1e-4
    constant = hybrid_losses(constant_bridges(*pair, n_sequences=64), *pair, n_sequences=64)
    assert worst < 1e-3 < max(abs(hybrid.loss - found.dense) for hybrid in constant.hybrids)


def losses(dense: float, sparse: float, **hybrids: float) -> HybridLosses:
    rows = tuple(Hybrid(segments=name, loss=loss) for name, loss in hybrids.items())
    return HybridLosses(dense=dense, sparse=sparse, hybrids=rows, every=False)


def test_unfaithfulness_by_hand():
    found = losses(1.0, 2.0, dds=1.5, sdd=2.5, dsd=1.7)
    constant = losses(1.0, 2.0, dds=4.0, sdd=5.0, dsd=6.0)
    assert found.mean_excess == pytest.approx(0.9)
    assert unfaithfulness(found, constant) == pytest.approx(0.9 / 4.0)
    assert unfaithfulness(constant, constant) == 1.0
    assert mean_loss_by_switches(found) == {1: pytest.approx(2.0), 2: pytest.approx(1.7)}


def test_unfaithfulness_needs_the_same_hybrids_and_something_to_lose():
    found = losses(1.0, 2.0, dds=1.5)
    with pytest.raises(SettingError, match="same hybrids"):
        unfaithfulness(found, losses(1.0, 2.0, sdd=1.5))
    with pytest.raises(SettingError, match="learned something"):
        unfaithfulness(found, losses(1.0, 2.0, dds=0.9))


def test_bridges_of_other_networks_are_refused(tiny_model, text_corpus):
    twin, _ = wide_twin(tiny_model)
    with pytest.raises(SettingError, match="do not fit"):
        hybrid_losses(identity(tiny_model), tiny_model, twin, text_corpus)
