"""A named full config and what it takes to run it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

C = TypeVar("C")


@dataclass(frozen=True)
class Recipe(Generic[C]):
    """What is run, on what hardware, for how long, and what comes out."""

    name: str
    purpose: str
    hardware: str
    minutes: float | None
    """Expected, on that hardware; None where it has never been run."""
    headline: str
    """What came out when it was last run."""
    config: Callable[[], C]
