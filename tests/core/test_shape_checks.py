"""The shapes in signatures are checked while these tests run."""

import pytest
import torch
from jaxtyping import TypeCheckError

from netseams.masks import hard_gate
from netseams.models import Transformer, TransformerConfig


def test_a_wrong_shape_is_caught() -> None:
    with pytest.raises(TypeCheckError, match="scores"):
        hard_gate(torch.ones(2, 3))


def test_a_wrong_kind_of_number_is_caught() -> None:
    model = Transformer(TransformerConfig(n_layers=1, n_heads=1, d_model=4, d_mlp=4, d_vocab=5))
    with pytest.raises(TypeCheckError, match="tokens"):
        model(torch.ones(1, 3))


def test_one_letter_is_one_size() -> None:
    model = Transformer(TransformerConfig(n_layers=1, n_heads=1, d_model=4, d_mlp=4, d_vocab=5))
    with pytest.raises(TypeCheckError, match="answers"):
        model(torch.ones(2, 3, dtype=torch.long), answers=torch.ones(1, 1, dtype=torch.long))
