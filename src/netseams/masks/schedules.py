"""How density falls from 1 to its final value while training."""

from typing import Literal

from netseams.core import SettingError

AnnealShape = Literal["linear", "power", "cubic", "none"]


def annealed_density(
    progress: float, final: float, shape: AnnealShape, start: float, end: float
) -> float:
    """Density at `progress` (0..1) of training.

    `linear` interpolates the density itself (arXiv 2511.13653, A.2), `power` interpolates its
    logarithm (offered by the released script), `cubic` falls fast and then ever more slowly
    (arXiv 1710.01878, section 3), `none` is final from the first step.

    Raises:
        SettingError: `start` does not come before `end`, or `final` is not in (0, 1].
    """
    if not 0 < final <= 1:
        raise SettingError(f"density must lie in (0, 1], got {final}")
    if shape == "none":
        return final
    if not 0 <= start < end <= 1:
        raise SettingError(f"annealing must start before it ends, got {start} .. {end}")
    t = min(1.0, max(0.0, (progress - start) / (end - start)))
    if shape == "power":
        return final**t
    if shape == "cubic":
        t = 1.0 - (1.0 - t) ** 3
    return 1.0 + t * (final - 1.0)


def kept_count(numel: int, density: float) -> int:
    """Weights kept of `numel` at `density`: rounded, and never fewer than one."""
    return max(1, round(numel * density))


def geometric(start: float, end: float, progress: float) -> float:
    """From `start` at progress 0 to `end` at progress 1, by an equal factor in equal steps."""
    return start * (end / start) ** progress
