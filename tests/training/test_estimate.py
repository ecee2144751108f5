"""What `plan` says, against numbers worked by hand and tensors that autograd really keeps."""

import pytest
import torch

from netseams.core import SettingError
from netseams.corpora import Batch, StringOpsConfig
from netseams.models import Transformer, TransformerConfig
from netseams.training import Dense, Pruned, RandomSupport, RunConfig, TrainConfig, WeightSparse
from netseams.training.estimate import activation_floats, estimate
from netseams.training.loss import next_token_loss

SMALL = TransformerConfig(n_layers=3, n_heads=2, d_model=6, d_mlp=10, n_ctx=4, d_vocab=5)


def run_config(model=SMALL, sparsity=None, batch_size=8) -> RunConfig:
    train = TrainConfig(batch_size=batch_size, sparsity=sparsity or Dense())
    return RunConfig(corpus=StringOpsConfig(), model=model, train=train)


def test_parameters_by_group_worked_by_hand():
    sparse = WeightSparse(density=0.5, embed_density=0.25, bias_density=1.0)
    e = estimate(run_config(sparsity=sparse), 1)
    counts = {group: (count.n, count.l0) for group, count in e.groups.items()}
    assert counts == {
        "block": (3 * (4 * 6 * 6 + 2 * 6 * 10), 3 * (4 * 18 + 2 * 30)),
        "embed": (5 * 6 + 4 * 6, 8 + 6),  # 7.5 rounds to 8
        "unembed": (5 * 6, 8),
        "bias": (3 * (5 * 6 + 10), 3 * (5 * 6 + 10)),
    }
    assert e.parameters == 996
    assert (e.weights, e.moments) == (4 * 996, 8 * 996)
    assert e.assembled == e.gathered == e.reduced == e.selection == e.selection_collectives == 0


def test_bytes_on_four_devices_worked_by_hand():
    e = estimate(run_config(sparsity=WeightSparse(density=0.5, min_alive=2)), 4)
    # Rows of the first device: 2 of 5 tokens, 1 of 4 positions, 2 of 6 channels, 3 of 10 neurons.
    root = (2 + 1 + 2) * 6
    block = 4 * (2 * 6 + 2) + (3 * 6 + 3) + (2 * 10 + 2)
    assert e.weights == 4 * (root + 3 * block)
    assert e.gathered == 4 * 3 * (root + 2 * 3 * block)
    assert e.reduced == 4 * 3 * (root + 3 * block)
    whole_root, whole_block = (5 + 4 + 5) * 6, 4 * 42 + 70 + 66
    assert e.assembled == 4 * 2 * (whole_root + 2 * whole_block)
    # 39 tensors: 2 all-reduces of 4096 counts, a gather of 128; 2 offers of 8 bytes for every
    # column of the two matrices that write.
    counts = 3 * 12 + 3
    assert e.selection == counts * 4 * (2 * 3 * 4096 * 2 // 4 + 3 * 128) + 3 * 8 * 2 * 3 * (6 + 10)
    assert e.selection_collectives == 4


@pytest.mark.parametrize(
    ("sparsity", "collectives"),
    [
        (Dense(), 0),
        (RandomSupport(density=0.5), 0),
        (Pruned(density=0.5), 3),
        (WeightSparse(density=0.5), 3),
        (WeightSparse(density=1.0), 0),
    ],
)
def test_only_arms_that_choose_talk_about_it(sparsity, collectives):
    e = estimate(run_config(sparsity=sparsity), 2)
    assert e.selection_collectives == collectives
    assert (e.selection > 0) == (collectives > 0)


@pytest.mark.parametrize("density", [None, 0.25])
@pytest.mark.parametrize("sinks", [False, True])
def test_activations_are_about_those_that_autograd_keeps(sinks, density):
    shape = {"n_layers": 3, "n_heads": 4, "d_model": 64, "d_mlp": 256, "n_ctx": 32, "d_vocab": 300}
    cfg = TransformerConfig.model_validate(shape | {"sinks": sinks, "activation_density": density})
    model, kept = Transformer(cfg), {}
    own = {p.data_ptr() for p in model.parameters()}

    def keep(x: torch.Tensor) -> torch.Tensor:
        if x.is_floating_point() and x.data_ptr() not in own:
            kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    tokens = torch.arange(5 * 32).view(5, 32) % 300
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        loss = next_token_loss(model, Batch(tokens, tokens))
    logits = 4 * 5 * 32 * 300  # are alive while their log-softmax is made, but not kept
    assert sum(kept.values()) + logits == pytest.approx(20 * activation_floats(cfg), rel=0.1)
    assert loss.requires_grad


def test_ten_million_to_ten_billion_parameters():
    for width, layers, low, high in (
        (320, 8, 1e7, 1.2e7), (1024, 8, 1e8, 1.2e8), (2048, 20, 1e9, 1.1e9),
        (4096, 50, 1e10, 1.1e10),
    ):  # fmt: skip
        model = TransformerConfig(
            n_layers=layers, n_heads=width // 16, d_model=width, d_mlp=4 * width, n_ctx=256,
            d_vocab=2048,
        )  # fmt: skip
        e = estimate(run_config(model, WeightSparse(density=1 / 64), batch_size=512), 64)
        assert low < e.parameters < high
        # An even split: each device holds a 64th, and receives 63 of 64 parts.
        assert e.weights == 4 * e.parameters // 64
        assert e.reduced == 63 * e.weights
        assert e.selection < 0.05 * e.gathered or e.parameters < 1e8


@pytest.mark.parametrize("devices", [0, 9])
def test_impossible_numbers_of_devices_are_refused(devices):
    with pytest.raises(SettingError, match=f"{devices} devices for batches of 8"):
        estimate(run_config(), devices)
