from collections.abc import Callable

import torch

from netseams.models import ParameterCount, Transformer, TransformerConfig, parameter_counts

PLAIN = {"n_layers": 2, "n_heads": 2, "d_model": 8, "d_mlp": 12, "n_ctx": 5, "d_vocab": 11}


def test_counts_by_hand(random_model: Callable[..., Transformer]) -> None:
    model = random_model(TransformerConfig(**PLAIN, sinks=True, bigram=True))
    with torch.no_grad():
        model.blocks[1].mlp.up.weight[:, 2:].zero_()
        model.blocks[0].attn.k.bias.zero_()
    expected = {
        "block": (2 * (4 * 64 + 2 * 96), 72),
        "embed": (88 + 40, 0),
        "unembed": (88, 0),
        "bias": (2 * (4 * 8 + 12 + 8), 8),
        "bigram": (121, 0),
        "sink": (4, 0),
    }
    assert parameter_counts(model) == {
        group: ParameterCount(n=n, l0=n - zeros) for group, (n, zeros) in expected.items()
    }


def test_every_parameter_is_counted_once(random_model: Callable[..., Transformer]) -> None:
    model = random_model(
        TransformerConfig(
            **PLAIN, positions="concatenated", d_pos=3, norm="layer", norm_gain=True,
            norm_bias=True, tied_unembed=True, unembed_bias=True,
        )
    )  # fmt: skip
    counts = parameter_counts(model)
    assert sum(count.n for count in counts.values()) == sum(p.numel() for p in model.parameters())
    assert "unembed" not in counts
    norms = 2 * 2 * 2 * (8 + 3) + 16
    assert counts["norm"] == ParameterCount(n=norms, l0=norms)
    assert counts["embed"].n == 11 * 8 + 5 * 3
