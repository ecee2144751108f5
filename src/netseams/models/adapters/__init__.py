"""One adapter a family of Hugging Face models: where its node sites and matrices are."""

from netseams.models.adapters.base import (
    ADAPTERS,
    Adapter,
    Fused,
    Heads,
    Input,
    Place,
    Weight,
    lay_out,
)
from netseams.models.adapters.bert import BERT
from netseams.models.adapters.gpt2 import GPT2
from netseams.models.adapters.gpt_neox import GPT_NEOX
from netseams.models.adapters.llama import LLAMA

__all__ = [
    "ADAPTERS",
    "BERT",
    "GPT2",
    "GPT_NEOX",
    "LLAMA",
    "Adapter",
    "Fused",
    "Heads",
    "Input",
    "Place",
    "Weight",
    "lay_out",
]
