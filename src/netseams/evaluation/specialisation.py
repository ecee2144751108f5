"""Specialisation and reuse: different functions apart, the same function in one place?

arXiv 2010.02066 names the two properties, P_specialise and P_reuse, and shows them by overlaps and
removals. It gives no single number; the scores here are ours. Both multiply a structural and a
functional term, because either alone is easily had: random masks hardly overlap, and removing a
shared trunk breaks every function alike.
"""

from collections.abc import Mapping, Sequence

from netseams.core import Config, SettingError
from netseams.evaluation.function_matrix import FunctionMatrix
from netseams.evaluation.statistics import mean
from netseams.masks import Masks, overlap

Pair = tuple[str, str]


class PairScore(Config):
    """Two circuits of one network."""

    pair: Pair
    overlap: float | None
    """IoMin, corrected for chance: 0 at the mean of the permutation null, 1 for a subset."""
    difference: float | None
    """Mean over both circuits of own drop minus the drop of the other's task."""
    transfer: float | None
    """Mean over both circuits of the drop of the other's task as a share of the own drop, 0..1."""

    @property
    def specialised(self) -> float | None:
        """(1 - overlap) * difference, each cut to 0..1: 1 for disjoint circuits of which each
        takes its own function alone with it; 0 for equal masks and for random ones."""
        if self.overlap is None or self.difference is None:
            return None
        return (1 - _unit(self.overlap)) * _unit(self.difference)

    @property
    def reused(self) -> float | None:
        """overlap * transfer, each cut to 0..1: 1 for one circuit that serves both tasks; 0 for
        disjoint ones, and on average near 0 for random masks, whatever they break."""
        if self.overlap is None or self.transfer is None:
            return None
        return _unit(self.overlap) * self.transfer


class Reuse(Config):
    """Reuse of one function in two contexts, beside that of different functions."""

    same: float | None
    """Mean score of pairs that are one function in two contexts."""
    different: float | None
    """Mean score of pairs of different functions: what a shared trunk gives to any two."""

    @property
    def excess(self) -> float | None:
        """The part of reuse that is owed to the function."""
        if self.same is None or self.different is None:
            return None
        return self.same - self.different


def pair_score(
    pair: Pair, masks: Mapping[str, Masks], matrix: FunctionMatrix, within: Masks | None = None
) -> PairScore:
    """Overlap and effects of two circuits.

    Args:
        masks: task -> its circuit (`circuits.chosen_masks`).
        matrix: drops by removal; a lift over random masks (`lift_matrix`) takes out what any
            removal of that size breaks.
        within: the places that could have been chosen.

    Raises:
        SettingError: a task without a mask, or masks over different tensors.
    """
    missing = [name for name in pair if name not in masks]
    if missing:
        raise SettingError(f"no mask for {missing[0]}; there are some for {', '.join(masks)}")
    shared = overlap(masks[pair[0]], masks[pair[1]], within).io_min
    cells = matrix.cells()
    rows = [(cells.get((k, k)), cells.get((k, j))) for k, j in (pair, pair[::-1])]
    known = [(own, other) for own, other in rows if own is not None and other is not None]
    complete = len(known) == 2
    moved = [_unit(other / own) for own, other in known if own > 0]
    return PairScore(
        pair=pair,
        overlap=None if shared is None else shared.corrected,
        difference=mean([own - other for own, other in known]) if complete else None,
        transfer=mean(moved) if len(moved) == 2 else None,
    )


def specialisation(scores: Sequence[PairScore]) -> float | None:
    """P_specialise: mean over pairs of different functions; None where no pair has a score."""
    return mean([s.specialised for s in scores if s.specialised is not None])


def reuse(same: Sequence[PairScore], different: Sequence[PairScore]) -> Reuse:
    """P_reuse: pairs of one function in two contexts, against pairs of different functions."""
    return Reuse(same=_reused(same), different=_reused(different))


def _reused(scores: Sequence[PairScore]) -> float | None:
    return mean([s.reused for s in scores if s.reused is not None])


def _unit(value: float) -> float:
    return min(1.0, max(0.0, value))
