"""Whether the kernels written for a GPU can be used."""

import importlib.util
from functools import cache

import torch
from torch import Tensor


def triton_serves(x: Tensor) -> bool:
    """Float32 in one piece on a GPU, and Triton is there; not while torch traces."""
    plain = x.is_cuda and x.dtype == torch.float32 and x.is_contiguous() and x.numel() < 2**31
    return plain and _triton_is_there() and not torch.compiler.is_compiling()


@cache
def _triton_is_there() -> bool:
    return importlib.util.find_spec("triton") is not None
