"""The shape of a check, and the table of all."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from netseams.audit.card import Finding, Outcome
from netseams.audit.subject import Subject
from netseams.core import Registry


class Check(ABC):
    """One question to one circuit, with its control."""

    name: ClassVar[str]
    question: ClassVar[str]
    failure: ClassVar[str]
    """What a failure means, in one line."""
    only_a_condition: ClassVar[bool] = False
    """Fakes pass it as often as circuits do (experiment `battery`): its word needs it, and a pass
    is no evidence."""
    searches: ClassVar[bool] = False
    """Whether it repeats searches, and so takes its time."""
    group: ClassVar[str] = ""
    """Checks that share searches have one name here, and one process."""

    @abstractmethod
    def run(self, subject: Subject) -> Finding:
        """Ask.

        Raises:
            NotApplicableError: there is nothing to ask here.
        """

    def found(self, passed: bool | None, **facts: object) -> Finding:
        """A finding of this check; None instead of a verdict makes it descriptive."""
        outcome: Outcome = "descriptive" if passed is None else "pass" if passed else "fail"
        return Finding.model_validate({"check": self.name, "outcome": outcome, **facts})


CHECKS: Registry[type[Check]] = Registry("check")
"""In the order of the card."""


def share_interval(right: int, n: int) -> tuple[float, float]:
    """Exact 95 % interval of a share (Clopper and Pearson, Biometrika 1934)."""
    from scipy.stats import beta  # loaded where it is needed: it is slow to import

    low = 0.0 if right == 0 else float(beta.ppf(0.025, right, n - right + 1))
    high = 1.0 if right == n else float(beta.ppf(0.975, right + 1, n - right))
    return low, high


def spread(values: Sequence[float], unit: str) -> dict[str, object]:
    """Least, greatest and number of a few draws, as fields of a finding."""
    return {"low": min(values), "high": max(values), "n": len(values), "unit": unit}


def average(values: Sequence[float]) -> float:
    """The mean of at least one value."""
    return math.fsum(values) / len(values)
