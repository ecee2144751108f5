"""Alone: does the circuit do the task, and more of it than random places?"""

from netseams.audit.card import Finding
from netseams.audit.checks.base import CHECKS, Check, average, share_interval, spread
from netseams.audit.subject import NotApplicableError, Subject


@CHECKS.register("sufficient")
class Sufficient(Check):
    """The share of the network's accuracy above the floor that the circuit has alone."""

    name = "sufficient"
    question = "alone, does it do the task?"
    failure = "it does not do the task, so there is nothing to explain"

    def run(self, subject: Subject) -> Finding:
        floor, whole = subject.task.floor_accuracy, subject.whole.accuracy
        try:
            value = subject.share(subject.alone.accuracy)
        except NotApplicableError as error:
            return self.found(False, detail=f"{error}: it never learned the task")
        n, accuracy = subject.alone.n, subject.alone.accuracy
        low, high = share_interval(round(accuracy * n), n)
        return self.found(
            value >= subject.config.enough, value=value,
            low=max(0.0, low - floor) / (whole - floor), high=(high - floor) / (whole - floor),
            n=n, unit="answers",
            detail=f"accuracy {accuracy:.3f} of {whole:.3f}, floor {floor:.3f}",
        )  # fmt: skip


@CHECKS.register("random")
class RandomMask(Check):
    """Random places of equal number, tensor by tensor, must not do it."""

    name = "random"
    question = "do random places of equal number do the task?"
    failure = "it is so large that random places do as well"

    def run(self, subject: Subject) -> Finding:
        value = subject.share(subject.alone.accuracy)
        shares = [subject.share(subject.kept(other).accuracy) for other in subject.randoms]
        return self.found(
            value - max(shares) >= subject.config.apart, value=value, control=average(shares),
            **spread([value - share for share in shares], "random masks, difference"),
        )  # fmt: skip
