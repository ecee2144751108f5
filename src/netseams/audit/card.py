"""What an audit says of a circuit: one line a check, and one word for all of them."""

from typing import Literal

from netseams.core import Config
from netseams.store import Provenance

Outcome = Literal["pass", "fail", "not_applicable", "descriptive"]
Word = Literal[
    "none", "fits", "beats its controls", "necessary and specific", "stable", "robust"
]  # fmt: skip

LADDER: dict[Word, tuple[str, ...]] = {
    "fits": ("sufficient",),
    "beats its controls": (
        "random", "untrained", "redrawn", "shuffled", "nonsense", "phantom", "other_task",
    ),
    "necessary and specific": ("necessary", "random_removed", "siblings"),
    "stable": ("seeds", "deletion"),
    "robust": ("agreement", "stochastic", "adversarial", "interchange"),
}  # fmt: skip
"""From the weakest word up: each rests on its own checks and on those of all words before it."""


class Finding(Config):
    """The answer of one check."""

    check: str
    outcome: Outcome
    value: float | None = None
    control: float | None = None
    """The same number where there is nothing to find."""
    low: float | None = None
    high: float | None = None
    """95 % over `n` of `unit`, or the least and greatest where there are few. One network never
    gives an interval over training seeds."""
    n: int | None = None
    unit: str = ""
    detail: str = ""
    seconds: float = 0.0


class AuditCard(Config):
    """`card.json`: a circuit, its findings and the word that they allow."""

    format: Literal["netseams.audit"] = "netseams.audit"
    version: Literal[1] = 1
    circuit: str
    """Content hash of the circuit's places, task and network."""
    task: str
    corpus: str
    model_fingerprint: str
    granularity: str
    n_nodes: int
    n_edges: int
    method: str
    target: float
    """Loss in nats that every search of the audit is asked for."""
    ablation: str
    """What stands in for what is left out, in every check that does not say otherwise."""
    accuracy: float
    floor: float
    findings: tuple[Finding, ...]
    word: Word
    missed: tuple[str, ...]
    """The checks that keep the circuit from the next word."""
    not_asked: tuple[str, ...]
    """Checks that the word would rest on and that do not apply here."""
    provenance: Provenance | None = None
    seconds: float = 0.0

    @property
    def rung(self) -> int:
        """Place of the word: 0 none .. 5 robust."""
        return rung_of(self.word)

    def of(self, check: str) -> Finding | None:
        """The finding of one check."""
        return next((finding for finding in self.findings if finding.check == check), None)


def rung_of(word: Word) -> int:
    """0 none, 1 fits, 2 beats its controls, 3 necessary and specific, 4 stable, 5 robust."""
    return 0 if word == "none" else list(LADDER).index(word) + 1


def word_of(findings: dict[str, Outcome]) -> tuple[Word, tuple[str, ...], tuple[str, ...]]:
    """The highest word of which no check failed; what keeps it from the next; what was not asked.

    A check that does not apply stands in nobody's way, but a word none of whose checks apply is
    not reached.
    """
    word: Word = "none"
    skipped: list[str] = []
    for higher, checks in LADDER.items():
        outcomes = {check: findings.get(check, "not_applicable") for check in checks}
        failed = tuple(check for check, outcome in outcomes.items() if outcome == "fail")
        passed = [check for check, outcome in outcomes.items() if outcome == "pass"]
        if failed or not passed:
            return word, failed or checks, tuple(skipped)
        skipped += [check for check in checks if check not in passed]
        word = higher
    return word, (), tuple(skipped)
