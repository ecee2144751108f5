"""The facts of a network that is not ours: what a circuit's card says about it."""

from typing import Literal

from netseams.core import Config
from netseams.models.nodes import Matrix, Site

Precision = Literal["float32", "bfloat16"]


class HookedConfig(Config):
    """A Hugging Face model as discovery and circuits see it."""

    kind: Literal["hugging_face"] = "hugging_face"
    family: str
    """Hugging Face's `model_type`."""
    source: str
    """Name or folder that it was read from; no part of its identity."""
    dtype: Precision
    n_layers: int
    n_heads: int
    n_kv_heads: int
    """Below `n_heads` with grouped queries."""
    d_head: int
    d_model: int
    n_ctx: int
    d_vocab: int
    causal: bool
    """Whether it predicts the next token; else the token under a mask."""
    sites: tuple[Site, ...]
    matrices: tuple[Matrix, ...]
