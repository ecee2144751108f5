"""The shape of a task."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netseams.core import TaskError

TaskSplit = Literal["mask_train", "select", "report"]
SPLIT_SIZES: dict[TaskSplit, int] = {"mask_train": 384, "select": 128, "report": 256}
"""Pairs in every split: one trains masks, one selects, one is reported."""
LEAST = 0.5
"""Share of a split's size with which a task on text makes do."""


@dataclass(frozen=True)
class Examples:
    """Pairs of inputs that differ only in what decides the answer.

    Shape letters: N pairs, T positions, P answer positions. Targets index the task's candidates.
    """

    clean: Int[Tensor, "N T"]
    corrupt: Int[Tensor, "N T"]
    clean_targets: Int[Tensor, "N P"]
    corrupt_targets: Int[Tensor, "N P"]

    def __len__(self) -> int:
        return len(self.clean)


@dataclass(frozen=True)
class Task:
    """A behaviour that a network either has or has not."""

    name: str
    corpus: str
    question: str
    """In one line, what is asked of the network."""
    candidates: Int[Tensor, " C"]
    """Token ids among which the answer is chosen."""
    answers: Int[Tensor, " P"]
    """Positions whose next token is the answer, the same in every row."""
    splits: dict[TaskSplit, Examples]
    scores_both: bool
    """Whether corrupt inputs are questions too (which quote?) or only a contrast (an operation)."""
    floor_accuracy: float
    """Accuracy of the best predictor that cannot see what clean and corrupt differ in."""
    floor_loss: float
    """Its cross-entropy, in nats."""
    n_found: int | None = None
    """Pairs among which the splits were drawn, as far as was searched; None where any number
    can be drawn."""

    def rows(self, split: TaskSplit) -> tuple[Int[Tensor, "R T"], Int[Tensor, "R P"]]:
        """Inputs and targets that count: clean ones, followed by corrupt ones if they count."""
        examples = self.splits[split]
        if not self.scores_both:
            return examples.clean, examples.clean_targets
        return (
            torch.cat([examples.clean, examples.corrupt]),
            torch.cat([examples.clean_targets, examples.corrupt_targets]),
        )

    def partners(self, split: TaskSplit) -> Int[Tensor, "R T"]:
        """For each of `rows`, the other member of its pair."""
        examples = self.splits[split]
        if not self.scores_both:
            return examples.corrupt
        return torch.cat([examples.corrupt, examples.clean])

    def candidate_logits(self, logits: Float[Tensor, "R P V"]) -> Float[Tensor, "R P C"]:
        """The candidates' columns of the logits at the answer positions."""
        return logits[..., self.candidates.to(logits.device)]


def learned_accuracy(floor: float) -> float:
    """Accuracy from which on a network is held to have learned a task: halfway from floor to 1."""
    return floor + 0.5 * (1 - floor)


def enough(name: str, split: TaskSplit, found: int, detail: str = "") -> int:
    """The size of a split, an even number; or a refusal that says how many examples are missing.

    A corpus that yields fewer than a split should have, but `LEAST` of it, gives all that it has:
    standard libraries differ with the version of Python and with who packaged it.

    Raises:
        TaskError: fewer examples.
    """
    wanted = SPLIT_SIZES[split]
    needed = math.ceil(LEAST * wanted)
    if found < needed:
        raise TaskError(
            f"task {name}: the corpus yields {found} examples{detail} for its {split} split, "
            f"needs {needed}; use a larger corpus of Python source"
        )
    return min(wanted, found // 2 * 2)
