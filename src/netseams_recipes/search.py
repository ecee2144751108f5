"""Named settings of the mask search. `docs/pruning.md` says how they were measured."""

from collections.abc import Callable

from netseams.core import UnknownNameError
from netseams.discovery import NodeMaskConfig

PLAIN_PRICES: tuple[float, ...] = (1e-4, 2e-4, 4e-4, 8e-4, 1.6e-3, 3.2e-3)
"""Fixed prices that `plain` is repeated over: doublings of the centre of the paper's Table 2.
Above the last one nothing is left of circuits on string operations."""


def plain(price: float = 1e-3, steps: int = 160, batch_size: int = 32) -> NodeMaskConfig:
    """The paper's learner (arXiv 2511.13653, A.5): one fixed price, so one search per price.

    Learning rate and its constant schedule are the presets', not the paper's 3e-3 falling to
    zero, which needs more steps to get as far.
    """
    return NodeMaskConfig(
        steps=steps, batch_size=batch_size, price_start=price, price_end=price,
        snapshots=16, bisections=6,
    )  # fmt: skip


def ramp(steps: int = 200, batch_size: int = 32) -> NodeMaskConfig:
    """The price rises within one search, which passes through every size: the presets' way."""
    return NodeMaskConfig(steps=steps, batch_size=batch_size, price_end=1e-2)


def fast(steps: int = 120, batch_size: int = 16) -> NodeMaskConfig:
    """Recommended: starts from attribution, climbs where circuits are decided, drops dead nodes."""
    return NodeMaskConfig(
        steps=steps, batch_size=batch_size, price_start=2e-4, price_end=3e-3,
        init="attribution", drop_below=-0.05, stop_past=3.0, snapshots=16, bisections=6,
    )  # fmt: skip


SEARCHES: dict[str, Callable[..., NodeMaskConfig]] = {"plain": plain, "ramp": ramp, "fast": fast}


def search_recipe(name: str, steps: int, seed: int) -> NodeMaskConfig:
    """A named search of so many steps.

    Raises:
        UnknownNameError: no such search.
    """
    if name not in SEARCHES:
        raise UnknownNameError("search", name, SEARCHES)
    return SEARCHES[name](steps=steps).model_copy(update={"seed": seed})
