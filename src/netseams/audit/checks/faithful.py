"""Does it answer as its network does: on the task, and on all inputs? And over all sizes?"""

import math
from collections.abc import Sequence

import torch

from netseams.audit.card import Finding
from netseams.audit.checks.base import CHECKS, Check
from netseams.audit.subject import NotApplicableError, Subject
from netseams.circuits import Circuit, logits_with
from netseams.core import generator
from netseams.discovery import CurvePoint
from netseams.evaluation import agreement
from netseams.interventions import ablated_values
from netseams.models import only_ours

_WINDOWS = 64


@CHECKS.register("agreement")
class SameAnswers(Check):
    """The share of the network's answers, mistakes included, that it gives too."""

    name = "agreement"
    question = "does it answer as the network does, mistakes included?"
    failure = "it solves the task in its own way: it is fitted, and explains another network"

    def run(self, subject: Subject) -> Finding:
        ours, random = (
            agreement(circuit, subject.model, subject.task, subject.kind, subject.means)
            for circuit in (subject.circuit, subject.randoms[0])
        )
        errors = "" if ours.same_on_errors is None else f", {ours.same_on_errors:.2f} on mistakes"
        return self.found(
            ours.same_answer >= subject.config.agreeing, value=ours.same_answer,
            control=random.same_answer, detail=f"KL {ours.kl:.3g} nats{errors}",
        )  # fmt: skip


@CHECKS.register("all_inputs")
class AllInputs(Check):
    """1 - JSD / ln 2 of its next tokens and the network's, on text that is not the task's."""

    name = "all_inputs"
    question = "does it do what the network does on all inputs?"
    failure = "descriptive: a circuit of one task is not meant to do the rest"

    def run(self, subject: Subject) -> Finding:
        if subject.corpus is None:
            raise NotApplicableError("the network's corpus is not at hand")
        ours, random = (_alike(subject, c) for c in (subject.circuit, subject.randoms[0]))
        return self.found(None, value=ours, control=random, n=_WINDOWS, unit="windows")


@CHECKS.register("area")
class Area(Check):
    """Area under faithfulness over size, on a log axis; beside it on a linear one.

    On a linear axis four fifths of the weight belong to circuits above a fifth of the network
    (arXiv 2504.13151 integrates so), which are not what is looked for.
    """

    name = "area"
    question = "how faithful is the best circuit of every size, over log size?"
    failure = "descriptive: for comparison with other searches and networks"
    searches = True

    def run(self, subject: Subject) -> Finding:
        again = subject.search_again("area")
        floor, whole = subject.task.floor_loss, subject.whole.loss
        if floor <= whole:
            raise NotApplicableError("the network's loss is not below the floor's")
        linear, log = areas(again.method.curve_, subject.circuit.nodes_in_network, floor, whole)
        return self.found(None, value=log, detail=f"over linear size {linear:.3f}")


def areas(
    curve: Sequence[CurvePoint], largest: int, floor: float, whole: float
) -> tuple[float, float]:
    """Areas under the best faithfulness at every number of nodes up to `largest`, of 0 .. 1, over
    linear and over log size from one node on.

    Faithfulness is (floor - loss) / (floor - whole), cut to 0 .. 1; a mask serves every larger
    size too, and the whole network has 1.
    """
    linear = log = 0.0
    points = sorted((p.n_nodes, min(1.0, max(0.0, (floor - p.loss) / (floor - whole))))
                    for p in curve if p.n_nodes >= 1)  # fmt: skip
    best, at = 0.0, 1
    for size, faithful in [*points, (largest, 1.0)]:
        size = min(size, largest)
        linear += best * (size - at)
        log += best * (math.log(size) - math.log(at))
        best, at = max(best, faithful), size
    return linear / (largest - 1), log / math.log(largest)


def _alike(subject: Subject, circuit: Circuit) -> float:
    assert subject.corpus is not None
    model, kind = subject.model, subject.kind
    draws = generator("all inputs", subject.corpus.name)
    tokens = subject.corpus.batch("test", _WINDOWS, model.cfg.n_ctx, draws).inputs
    if circuit.granularity == "components":
        fill = ablated_values("mean", only_ours(model, "circuits of links"), tokens)
    elif kind == "zero":
        fill = {name: torch.zeros_like(mean) for name, mean in subject.means.items()}
    else:
        fill = subject.means
    with torch.no_grad():
        p, q = (
            logits.log_softmax(-1)
            for logits in (model(tokens), logits_with(circuit, model, tokens, fill))
        )
        middle = torch.logsumexp(torch.stack([p, q]), 0) - math.log(2)
        jsd = sum(0.5 * (x.exp() * (x - middle)).sum(-1) for x in (p, q))
        assert isinstance(jsd, torch.Tensor)
        return 1 - float(jsd.mean()) / math.log(2)
