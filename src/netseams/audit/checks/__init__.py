"""One question to a circuit each, in the order of the card."""

from netseams.audit.checks import (  # noqa: I001  the order of the card
    keeping,
    controls,
    removing,
    stability,
    faithful,
    stress,
    mechanism,
    redundancy,
)
from netseams.audit.checks.base import CHECKS, Check

__all__ = [
    "CHECKS", "Check", "controls", "faithful", "keeping", "mechanism", "redundancy", "removing",
    "stability", "stress",
]  # fmt: skip
