"""Pure tensor maths of masks: exact selection, gates, annealing, overlap. Knows no model."""

from netseams.masks.gates import hard_gate
from netseams.masks.overlap import (
    AboveChance,
    Masks,
    Overlap,
    core_size,
    exclusive,
    intersection,
    overlap,
    shared_iou,
    size,
    union,
)
from netseams.masks.row_selection import abs_topk, abs_topk_
from netseams.masks.schedules import AnnealShape, annealed_density, kept_count
from netseams.masks.selection import (
    keep_,
    keep_largest_,
    largest_mask,
    largest_mask_with_minimum,
)

__all__ = [
    "AboveChance",
    "AnnealShape",
    "Masks",
    "Overlap",
    "abs_topk",
    "abs_topk_",
    "annealed_density",
    "core_size",
    "exclusive",
    "hard_gate",
    "intersection",
    "keep_",
    "keep_largest_",
    "kept_count",
    "largest_mask",
    "largest_mask_with_minimum",
    "overlap",
    "shared_iou",
    "size",
    "union",
]
