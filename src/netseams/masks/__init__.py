"""Pure tensor maths of masks: exact selection, gates, annealing. Knows no model."""

from netseams.masks.gates import hard_gate
from netseams.masks.schedules import AnnealShape, annealed_density, kept_count
from netseams.masks.selection import (
    abs_topk,
    keep_,
    keep_largest_,
    largest_mask,
    largest_mask_with_minimum,
)

__all__ = [
    "AnnealShape",
    "abs_topk",
    "annealed_density",
    "hard_gate",
    "keep_",
    "keep_largest_",
    "kept_count",
    "largest_mask",
    "largest_mask_with_minimum",
]
