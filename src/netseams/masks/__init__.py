"""Pure tensor maths of masks: exact selection, gates, relaxations, annealing,
overlap. Knows no model."""

from netseams.masks.continuous import ContinuousSparsification, sharpened
from netseams.masks.drawn import draw_as_many
from netseams.masks.gates import hard_gate, topk_gate
from netseams.masks.hard_concrete import (
    HardConcrete,
    hard_concrete,
    mean_gate,
    open_probability,
)
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
from netseams.masks.relaxation import Relaxation
from netseams.masks.row_selection import abs_topk, abs_topk_
from netseams.masks.schedules import AnnealShape, annealed_density, geometric, kept_count
from netseams.masks.selection import (
    Cut,
    keep_,
    keep_largest_,
    keep_largest_of_each_,
    largest_mask,
    largest_mask_with_minimum,
    top_mask,
)
from netseams.masks.topk import TopK

__all__ = [
    "AboveChance",
    "AnnealShape",
    "ContinuousSparsification",
    "Cut",
    "HardConcrete",
    "Masks",
    "Overlap",
    "Relaxation",
    "TopK",
    "abs_topk",
    "abs_topk_",
    "annealed_density",
    "core_size",
    "draw_as_many",
    "exclusive",
    "geometric",
    "hard_concrete",
    "hard_gate",
    "intersection",
    "keep_",
    "keep_largest_",
    "keep_largest_of_each_",
    "kept_count",
    "largest_mask",
    "largest_mask_with_minimum",
    "mean_gate",
    "open_probability",
    "overlap",
    "shared_iou",
    "sharpened",
    "size",
    "top_mask",
    "topk_gate",
    "union",
]
