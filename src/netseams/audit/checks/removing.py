"""Without it: does the task break, more than without random places, and does the rest stay?"""

from netseams.audit.card import Finding
from netseams.audit.checks.base import CHECKS, Check, average, spread
from netseams.audit.subject import NotApplicableError, Subject
from netseams.circuits import Circuit
from netseams.evaluation import necessity, score_network


@CHECKS.register("necessary")
class Necessary(Check):
    """The least share that is lost without it, over all ablations."""

    name = "necessary"
    question = "without it, does the task break, whatever stands in?"
    failure = "the network does the task without it: there are others, or it is not the part"
    only_a_condition = True

    def run(self, subject: Subject) -> Finding:
        lost = {
            kind: 1 - subject.share(subject.removed(subject.circuit, kind=kind).accuracy)
            for kind in subject.kinds
        }
        said = ", ".join(f"{kind} {value:.2f}" for kind, value in lost.items())
        least = min(lost.values())
        return self.found(
            least >= subject.config.broken, value=least, detail=f"lost under {said}",
            **spread(list(lost.values()), "ablations"),
        )  # fmt: skip


@CHECKS.register("random_removed")
class RandomRemoved(Check):
    """Removing as many places outside of it must cost less."""

    name = "random_removed"
    question = "is it missed more than as many places outside of it?"
    failure = "removing as much of the rest breaks the task too: necessity says nothing about it"

    def run(self, subject: Subject) -> Finding:
        value = 1 - subject.share(subject.removed(subject.circuit).accuracy)
        lost, anywhere = (
            [1 - subject.share(subject.removed(other).accuracy) for other in others]
            for others in (subject.outsides, subject.randoms)
        )
        return self.found(
            value - average(lost) >= subject.config.margin, value=value, control=average(lost),
            detail=f"drawn from all places, its own among them: {average(anywhere):.2f}",
            **spread([value - other for other in lost], "random masks, difference"),
        )  # fmt: skip


@CHECKS.register("siblings")
class Siblings(Check):
    """Without what is its own alone, other tasks on the same inputs must survive.

    What the siblings' circuits of the same search have too is left in: a trunk that all tasks
    share breaks all of them, and is no part of any.
    """

    name = "siblings"
    question = "without what is its own, does it break, and do sibling tasks survive?"
    failure = "there is no part of its own: the siblings go with it, or nothing does"
    searches = True
    group = "siblings"

    def run(self, subject: Subject) -> Finding:
        others = [again.circuit for again in subject.sibling_circuits().values()]
        own_part = subject.circuit.without([c for c in others if c is not None], subject.model)
        own, lost = _lost(subject, own_part)
        whole, with_it = _lost(subject, subject.circuit)
        said = ", ".join(f"{name} {value:.2f}" for name, value in lost.items())
        return self.found(
            own - average(list(lost.values())) >= subject.config.apart,
            value=own, control=average(list(lost.values())),
            detail=f"{subject.size(own_part)} places of its own; siblings lose {said}; without "
            f"the whole circuit it loses {whole:.2f}, they {average(list(with_it.values())):.2f}",
            **spread([own - value for value in lost.values()], "siblings, difference"),
        )  # fmt: skip


@CHECKS.register("other_task")
class OtherTask(Check):
    """The circuits of siblings, found by the same search, must not do this task."""

    name = "other_task"
    question = "does a sibling's circuit do this task as well?"
    failure = "any task's circuit does this one: it is what all of them share"
    searches = True
    group = "siblings"

    def run(self, subject: Subject) -> Finding:
        value = subject.share(subject.alone.accuracy)
        shares = {
            name: subject.share(subject.kept(again.circuit).accuracy)
            for name, again in subject.sibling_circuits().items()
            if again.circuit is not None
        }
        if not shares:
            raise NotApplicableError(f"no sibling's search reached {subject.target:.3g} nats")
        most = max(shares.values())
        return self.found(
            value - most >= subject.config.apart, value=value, control=most,
            detail=", ".join(f"that of {name} {share:.2f}" for name, share in shares.items()),
            **spread([value - share for share in shares.values()], "siblings, difference"),
        )  # fmt: skip


def _lost(subject: Subject, part: Circuit) -> tuple[float, dict[str, float]]:
    """Share that the task loses without a part, and that every sibling loses."""
    own = 1 - subject.share(subject.removed(part).accuracy)
    lost: dict[str, float] = {}
    for task in subject.learned_siblings:
        whole = score_network(subject.model, task).accuracy
        without = subject.removed(part, task).accuracy
        lost[task.name] = necessity(whole, without, task.floor_accuracy) or 0.0
    return own, lost
