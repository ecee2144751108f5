"""Searches where there is nothing to find, at the same budget and target.

Such a search must miss the target, or need many times the places.
"""

from abc import abstractmethod
from dataclasses import replace

from torch import Tensor

from netseams.audit.card import Finding
from netseams.audit.checks.base import CHECKS, Check
from netseams.audit.subject import NotApplicableError, Subject
from netseams.core import seed_from
from netseams.interventions import redrawn_on_support, untrained_twin
from netseams.models import Network, Transformer
from netseams.tasks import Task, blind_floor, phantom_twin, shuffled_twin


class _Control(Check):
    searches = True

    def run(self, subject: Subject) -> Finding:
        model, task = self.twin(subject)
        means = subject.means if model is subject.model else subject.means_of(model)
        again = subject.search_again(self.name, task=task, model=model, means=means)
        ours = subject.size(subject.circuit)
        if again.circuit is None:
            return self.found(
                True, value=float(ours),
                detail=f"not reached at any size: best {again.best_loss:.2f} nats",
            )  # fmt: skip
        theirs = subject.size(again.circuit)
        return self.found(
            theirs >= subject.config.times * max(1, ours),
            value=float(ours), control=float(theirs),
            detail=f"reached {subject.target:.3g} nats with {theirs} places",
        )  # fmt: skip

    @abstractmethod
    def twin(self, subject: Subject) -> tuple[Network, Task]:
        """The network and the task in which there is nothing."""


@CHECKS.register("untrained")
class Untrained(_Control):
    """A network of the same shape that never learned."""

    name = "untrained"
    question = "does the same search find it in a network that never learned?"
    failure = "the search fits the task into any network: finding a circuit says nothing"

    def twin(self, subject: Subject) -> tuple[Network, Task]:
        return untrained_twin(subject.model, seed_from(subject.config.seed, "untrained")), (
            subject.task
        )


@CHECKS.register("redrawn")
class Redrawn(_Control):
    """The same weights, dealt out anew over their places."""

    name = "redrawn"
    question = "does it, where the weights are dealt out anew over their places?"
    failure = "which weights there are is enough: their places say nothing"

    def twin(self, subject: Subject) -> tuple[Network, Task]:
        if not isinstance(subject.model, Transformer):
            raise NotApplicableError("weights are dealt out anew in networks of ours only")
        return redrawn_on_support(subject.model, seed_from(subject.config.seed, "redrawn")), (
            subject.task
        )


@CHECKS.register("shuffled")
class Shuffled(_Control):
    """Labels that mean nothing."""

    name = "shuffled"
    question = "does it find a circuit for labels that were shuffled?"
    failure = "the search memorises: it fits labels that mean nothing"

    def twin(self, subject: Subject) -> tuple[Network, Task]:
        return subject.model, shuffled_twin(subject.task, seed_from(subject.config.seed, "labels"))


@CHECKS.register("nonsense")
class Nonsense(_Control):
    """The right answers under other names: every candidate stands for the next one."""

    name = "nonsense"
    question = "does it, where every answer stands for another one?"
    failure = "the search rewires outputs at will: a circuit for nonsense is as cheap"

    def twin(self, subject: Subject) -> tuple[Network, Task]:
        return subject.model, renamed_answers(subject.task)


@CHECKS.register("phantom")
class Phantom(_Control):
    """A rule on the same inputs that the network has no use for."""

    name = "phantom"
    question = "does it, for a rule that the network has no use for?"
    failure = "the search finds a part that cannot be there"

    def twin(self, subject: Subject) -> tuple[Network, Task]:
        return subject.model, phantom_twin(subject.task)


def renamed_answers(task: Task) -> Task:
    """The same inputs; the right candidate is the one behind the right one, counted round.

    An arbitrary mapping of answers to tokens, as in the nonsense task that weight-sparse
    circuits were found to fit (J. Drori, 9 February 2026).
    """

    def renamed(targets: Tensor) -> Tensor:
        return (targets + 1) % len(task.candidates)

    splits = {
        split: replace(
            examples,
            clean_targets=renamed(examples.clean_targets),
            corrupt_targets=renamed(examples.corrupt_targets),
        )
        for split, examples in task.splits.items()
    }
    floor = blind_floor(splits["report"]) if task.scores_both else None
    return replace(
        task, name=f"{task.name}_renamed", question=f"{task.question} (answers renamed)",
        splits=splits,
        floor_accuracy=floor[0] if floor else task.floor_accuracy,
        floor_loss=floor[1] if floor else task.floor_loss,
    )  # fmt: skip
