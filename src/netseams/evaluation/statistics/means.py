"""Means of a few numbers."""

import math
from collections.abc import Sequence

from netseams.core import SettingError


def geometric_mean(values: Sequence[float]) -> float:
    """exp(mean(log(values))).

    Raises:
        SettingError: no value, or one that is not positive.
    """
    if not values or min(values) <= 0:
        raise SettingError("a geometric mean needs positive values")
    return math.exp(math.fsum(math.log(value) for value in values) / len(values))


def mean(values: Sequence[float]) -> float | None:
    """The mean, or None of no values."""
    return math.fsum(values) / len(values) if values else None
