"""A dated claim, what it predicts in numbers, and how its numbers are read off raw rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, model_validator

from netseams.core import Config, Registry
from netseams.evaluation import MIN_SEEDS_FOR_INTERVAL
from netseams.experiments import Row

Rule = Literal["effect", "at_least"]
"""How a claim is judged: an effect beyond a reference, or a share that must be reached."""

Values = dict[str, dict[int, list[float]]]
"""Condition -> training seed -> its values. A seed that has none keeps an empty list."""


class Prediction(Config):
    """What a claim says about a number; all of it is fixed before the run."""

    experiment: str
    """Looked up when the claim is run."""
    preset: str = "standard"
    """Of the experiment. Other settings, but for the number of seeds, give no verdict."""
    metric: str
    unit: str
    rule: Rule = "effect"
    direction: Literal["greater", "less"] = "greater"
    reference: float = 0.0
    """What the metric is held against: no effect, or the least share that would do."""
    smallest_effect: float = Field(default=0.0, ge=0)
    """Of interest, in the metric's unit; what is surely smaller counts as none."""
    n_seeds: int = Field(default=MIN_SEEDS_FOR_INTERVAL, ge=MIN_SEEDS_FOR_INTERVAL)
    """Training seeds with a value that a verdict needs."""
    conditions: tuple[str, ...] = Field(min_length=1)
    """In which the same question is asked."""

    @model_validator(mode="after")
    def _rule_fits(self) -> "Prediction":
        if self.rule == "effect" and self.smallest_effect == 0:
            raise ValueError("the rule 'effect' needs a smallest_effect above 0")
        if self.rule == "at_least" and not (self.direction == "greater" and self.reference > 0):
            raise ValueError("the rule 'at_least' needs a reference above 0 and direction greater")
        if len(set(self.conditions)) < len(self.conditions):
            raise ValueError(f"every condition may appear once, got {self.conditions}")
        return self


class Claim(Config):
    """What somebody said, and when."""

    id: str
    statement: str
    source: str
    date: str = Field(pattern=r"^\d{4}(-\d{2}){0,2}$")
    """As exactly as it is known: year, month or day."""
    arxiv_ids: tuple[str, ...] = ()
    prediction: Prediction
    would_change_it: str
    """What would change the verdict."""


class Counts(Config):
    """How many things a condition's values rest on, failures and losses included."""

    things: str
    """What is counted, in the plural: circuits, masks."""
    n: int = Field(ge=0)
    missing: int = Field(default=0, ge=0)
    """Of them not found by their search."""
    missing_are: Literal["failures", "left out"]
    cases: int = Field(default=0, ge=0)
    """Networks, each with one of its tasks."""
    not_learned: int = Field(default=0, ge=0)
    """Of them below the accuracy from which on a task is held to be learned. They stay in."""

    def sentences(self) -> list[str]:
        """What a reader of the verdict must know."""
        said: list[str] = []
        if self.missing:
            kept = "count as failures" if self.missing_are == "failures" else "are left out"
            said.append(f"{self.missing} of {self.n} {self.things} were not found and {kept}")
        if self.not_learned:
            said.append(
                f"in {self.not_learned} of {self.cases} cases the network had not learned its "
                "task; they stay in"
            )
        return said


@dataclass(frozen=True)
class ClaimFile:
    """A claim and how its metric is read off the experiment's raw rows."""

    claim: Claim
    values: Callable[[Sequence[Row]], Values]
    counts: Callable[[Sequence[Row]], dict[str, Counts]]


CLAIMS: Registry[ClaimFile] = Registry("claim")


def add_claim(
    claim: Claim,
    values: Callable[[Sequence[Row]], Values],
    counts: Callable[[Sequence[Row]], dict[str, Counts]],
) -> None:
    """Put a claim into the table of all claims, under its id."""
    CLAIMS.register(claim.id)(ClaimFile(claim, values, counts))
