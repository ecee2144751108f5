"""Pure tensor maths of masks: exact selection, gates, annealing. Knows no model."""

from netseams.masks.gates import hard_gate
from netseams.masks.row_selection import abs_topk, abs_topk_
from netseams.masks.schedules import AnnealShape, annealed_density, geometric, kept_count
from netseams.masks.selection import (
    keep_,
    keep_largest_,
    largest_mask,
    largest_mask_with_minimum,
)

__all__ = [
    "AnnealShape",
    "abs_topk",
    "abs_topk_",
    "annealed_density",
    "geometric",
    "hard_gate",
    "keep_",
    "keep_largest_",
    "kept_count",
    "largest_mask",
    "largest_mask_with_minimum",
]
