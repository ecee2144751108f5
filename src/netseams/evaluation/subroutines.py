"""Two subroutines of one composite task: the published statistics, and corrected ones beside them.

Everything here is arithmetic on accuracies. Those of arXiv 2301.10884 are of an odd-one-out among
four, so that chance is .25.
"""

from collections.abc import Sequence

from pydantic import Field

from netseams.core import Config, SettingError
from netseams.evaluation.necessity import necessity
from netseams.evaluation.statistics import mean

CHANCE = 0.25
PASS = 0.2
"""How far both statistics must lie on the right side of zero; the threshold is ours."""


def clipped_difference(target: float, other: float, chance: float = CHANCE) -> float:
    """max(target, c) - max(other, c), both accuracies (arXiv 2301.10884).

    Of a subnetwork for the target it is D_sub, at best 1 - c; of what is left of the network
    without it it is D_abl, at best c - 1.
    """
    return max(target, chance) - max(other, chance)


LEAST = 0.05
"""Above chance, from which on a network has a function that it can lose: of some hundred problems
chance itself is two hundredths off, and shares of that are noise."""


class SubroutineScores(Config):
    """Accuracies of one network, one subnetwork for the subroutine `target`, and its complement.

    `other` is the sibling subroutine. Random complements are of networks without random masks of
    equal size per tensor, one accuracy a draw.
    """

    whole_target: float = Field(ge=0, le=1)
    whole_other: float = Field(ge=0, le=1)
    alone_target: float = Field(ge=0, le=1)
    alone_other: float = Field(ge=0, le=1)
    without_target: float = Field(ge=0, le=1)
    without_other: float = Field(ge=0, le=1)
    random_target: tuple[float, ...] = ()
    random_other: tuple[float, ...] = ()
    chance: float = Field(default=CHANCE, ge=0, lt=1)

    @property
    def d_sub(self) -> float:
        """Published: does the subnetwork do its own subroutine and not the other?"""
        return clipped_difference(self.alone_target, self.alone_other, self.chance)

    @property
    def d_abl(self) -> float:
        """Published: does its removal break its own subroutine and not the other?"""
        return clipped_difference(self.without_target, self.without_other, self.chance)

    @property
    def passes(self) -> bool:
        """Both published statistics beyond `PASS`."""
        return self.d_sub >= PASS and self.d_abl <= -PASS

    @property
    def own_drop(self) -> float | None:
        """Share of the target subroutine that is lost; None if the network never had it."""
        return _drop(self.whole_target, self.without_target, self.chance)

    @property
    def other_drop(self) -> float | None:
        """Share of the other subroutine that is lost; None if the network never had it."""
        return _drop(self.whole_other, self.without_other, self.chance)

    @property
    def own_minus_other(self) -> float | None:
        """Corrected D_abl: shares of what the network could do, so that a network that never knew
        a subroutine has no value, and one that never loses anything has 0."""
        if self.own_drop is None or self.other_drop is None:
            return None
        return self.own_drop - self.other_drop

    @property
    def lift(self) -> float | None:
        """Own drop minus the mean drop of random masks of equal size."""
        return _lift(self.own_drop, self.whole_target, self.random_target, self.chance)

    @property
    def lifted_own_minus_other(self) -> float | None:
        """`own_minus_other`, minus the same of random masks of equal size."""
        own, other = (
            self.lift,
            _lift(self.other_drop, self.whole_other, self.random_other, self.chance),
        )
        return None if own is None or other is None else own - other


def size_matched_lift(drop: float, random_drops: Sequence[float]) -> float:
    """Necessity minus the mean of that of random masks of equal size per tensor.

    Raises:
        SettingError: no random mask.
    """
    expected = mean(random_drops)
    if expected is None:
        raise SettingError("a lift needs the drops of at least one random mask, got none")
    return drop - expected


def share_passing(runs: Sequence[SubroutineScores]) -> float:
    """Share of runs in which both published statistics pass.

    Raises:
        SettingError: no run.
    """
    share = mean([float(run.passes) for run in runs])
    if share is None:
        raise SettingError("a share of runs needs at least one, got none")
    return share


def _drop(whole: float, without: float, chance: float) -> float | None:
    return None if whole < chance + LEAST else necessity(whole, without, chance)


def _lift(drop: float | None, whole: float, random: Sequence[float], chance: float) -> float | None:
    if drop is None or not random:
        return None
    drops = [necessity(whole, accuracy, chance) for accuracy in random]
    return size_matched_lift(drop, [d for d in drops if d is not None])
