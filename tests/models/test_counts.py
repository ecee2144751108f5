from collections.abc import Callable

import torch

from netseams.models import Count, Transformer, TransformerConfig, parameter_counts

PLAIN = {"n_layers": 2, "n_heads": 2, "d_model": 8, "d_mlp": 12, "n_ctx": 5, "d_vocab": 11}


def test_counts_by_hand(random_model: Callable[..., Transformer]) -> None:
    model = random_model(TransformerConfig(**PLAIN, sinks=True, bigram=True))
    with torch.no_grad():
        model.blocks[1].mlp.up.weight[:, 2:].zero_()
        model.blocks[0].attn.k.bias.zero_()
    assert parameter_counts(model) == {
        "embedding": Count(88, 88),
        "positions": Count(40, 40),
        "sinks": Count(4, 4),
        "attention": Count(2 * 4 * 64, 2 * 4 * 64),
        "biases": Count(2 * (4 * 8 + 12 + 8), 2 * (4 * 8 + 12 + 8) - 8),
        "mlp": Count(2 * 2 * 96, 2 * 2 * 96 - 72),
        "unembedding": Count(88, 88),
        "bigram": Count(121, 121),
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
    assert "unembedding" not in counts
    assert counts["norms"] == Count(2 * 2 * 2 * (8 + 3) + 16, 2 * 2 * 2 * (8 + 3) + 16)
    assert counts["positions"].n == 5 * 3
