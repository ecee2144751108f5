"""True and nominal counts against published totals; dead channels of hand-made networks."""

import pytest
import torch

from netseams.corpora import StringOps, StringOpsConfig
from netseams.models import Transformer, TransformerConfig, matrices_of
from netseams.training.channels import channel_counts
from netseams.training.counts import group_counts, nominal_parameters


def released(width: int) -> TransformerConfig:
    """The shape of arXiv 2511.13653's sweep: 8 layers, 2,048 tokens, 256 positions."""
    return TransformerConfig(
        n_layers=8, n_heads=width // 16, d_model=width, d_mlp=4 * width, n_ctx=256, d_vocab=2048,
        bigram=True, sinks=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("width", "millions"), [(256, 7.4), (512, 29.7), (1024, 118.8), (2048, 475.1), (4096, 1900.5)]
)
def test_nominal_counts_are_the_labels_of_the_paper(width, millions):
    assert round(nominal_parameters(released(width)) / 1e6, 1) == millions


def test_groups_are_counted_by_hand(random_model):
    cfg = TransformerConfig(
        n_layers=2, n_heads=2, d_model=8, d_mlp=12, n_ctx=5, d_vocab=19, bigram=True, sinks=True
    )
    model = random_model(cfg)
    with torch.no_grad():
        model.unembed.weight[3] = 0.0
        model.blocks[1].mlp.up.bias.zero_()
        model.blocks[0].attn.k.weight[:, 2] = 0.0
    counts = group_counts(model)
    sizes = {group: count.n_parameters for group, count in counts.items()}
    assert sizes == {
        "block": 2 * (4 * 64 + 2 * 96),
        "embed": 19 * 8 + 5 * 8,
        "unembed": 19 * 8,
        "bias": 2 * (4 * 8 + 12 + 8),
        "bigram": 19 * 19,
        "sink": 2 * 2,
    }
    zeros = {group: sizes[group] - count.l0 for group, count in counts.items()}
    assert zeros == {"block": 8, "embed": 0, "unembed": 8, "bias": 12, "bigram": 0, "sink": 0}
    edges = {m.parameter for m in matrices_of(cfg)}
    parameters = dict(model.named_parameters())
    assert sizes["block"] == sum(parameters[name].numel() for name in edges)


@pytest.fixture
def live(random_model) -> Transformer:
    cfg = TransformerConfig(n_layers=2, n_heads=2, d_model=8, d_mlp=12, n_ctx=14, d_vocab=19)
    return random_model(cfg, 1)


def test_a_network_of_random_weights_has_no_dead_channel(live):
    for kind, count in channel_counts(live, StringOps(StringOpsConfig()), 64).items():
        assert count.n == (24 if kind == "neuron" else 16)
        assert count.no_incoming == count.no_outgoing == count.dead == count.never_active == 0


def test_channels_that_were_cut_are_counted(live):
    with torch.no_grad():
        first, second = live.blocks
        first.mlp.up.weight[[1, 4]] = 0.0  # nothing comes in
        first.mlp.down.weight[:, [4, 5, 6]] = 0.0  # nothing goes out
        second.attn.v.weight[3] = 0.0
        second.attn.out.weight[:, [0, 3]] = 0.0
        second.attn.k.weight[[2, 7]] = 0.0
        second.attn.q.weight[7] = 0.0
        # Never active: a neuron far below 0, and channels without weights and bias.
        first.mlp.up.weight[8] = 0.0
        first.mlp.up.bias[8] = -1.0
        first.mlp.up.bias[1] = 1.0
        first.mlp.up.bias[4] = 1.0
        second.attn.k.bias[2] = 0.0
    counts = channel_counts(live, StringOps(StringOpsConfig()), 64)
    neuron, value = counts["neuron"], counts["value"]
    assert (neuron.no_incoming, neuron.no_outgoing, neuron.dead) == (3, 3, 5)
    assert neuron.never_active == 1
    assert (value.no_incoming, value.no_outgoing, value.dead) == (1, 2, 2)
    assert (counts["query"].no_incoming, counts["query"].no_outgoing) == (1, 2)
    assert (counts["key"].no_incoming, counts["key"].no_outgoing) == (2, 1)
    assert counts["query"].dead == counts["key"].dead == 2
    assert counts["key"].never_active == 1
    assert counts["query"].never_active == 0
