"""Complement under stress: what stands in for the rest is drawn, or chosen by an adversary.

Complete ablation lets parts combine that cancel only when all else is gone; outside places that are
partly there take that away (arXiv 2506.20790, and its authors on weight-sparse circuits, 2026).
"""

import torch
from torch import Tensor

from netseams.audit.card import Finding
from netseams.audit.checks.base import CHECKS, Check, average, spread
from netseams.audit.subject import Subject
from netseams.circuits import Circuit
from netseams.core import generator, seed_from
from netseams.discovery import task_loss
from netseams.interventions import ablation_fill, masked_hooks

Gates = dict[str, Tensor]


@CHECKS.register("stochastic")
class Stochastic(Check):
    """Every outside channel is there by a random part, drawn anew for every draw."""

    name = "stochastic"
    question = "does it do the task with the rest there by random parts?"
    failure = "it needs the rest to be gone completely: it may live of parts that cancel"

    def run(self, subject: Subject) -> Finding:
        subject.only_channels()
        ours = _drawn(subject, subject.circuit)
        others = _drawn(subject, subject.randoms[0])
        return self.found(
            average(ours) >= subject.config.enough, value=average(ours), control=average(others),
            **spread(ours, "draws"),
        )  # fmt: skip


@CHECKS.register("adversarial")
class Adversarial(Check):
    """One part for every outside channel, the same for all inputs, chosen to do most harm."""

    name = "adversarial"
    question = "does it, where an adversary chooses how much of the rest is there?"
    failure = "some part of the rest undoes it, which plain ablation hides"

    def run(self, subject: Subject) -> Finding:
        subject.only_channels()
        value, control = (
            subject.share(_worst(subject, circuit))
            for circuit in (subject.circuit, subject.randoms[0])
        )
        return self.found(
            value >= subject.config.enough, value=value, control=control,
            detail=f"{subject.config.adversarial_steps} steps of every gate",
        )  # fmt: skip


def _drawn(subject: Subject, circuit: Circuit) -> list[float]:
    shares: list[float] = []
    for number in range(subject.config.stochastic_draws):
        draws = generator(subject.config.seed, "stochastic", number)
        parts = {
            site: torch.rand(len(mask), generator=draws) for site, mask in circuit.nodes.items()
        }
        shares.append(subject.share(_accuracy(subject, circuit, parts)))
    return shares


def _accuracy(subject: Subject, circuit: Circuit, parts: Gates) -> float:
    """On the report split, with so much of every outside channel there."""
    model, task = subject.model, subject.task
    tokens, targets = (part.to(model.device) for part in task.rows("report"))
    answers = task.answers.to(tokens).expand(len(tokens), -1)
    fill = ablation_fill(subject.kind, model, subject.means, tokens, answers)
    with torch.no_grad():
        logits = model(tokens, masked_hooks(_gates(subject, circuit, parts), fill), answers)
        return float((task.candidate_logits(logits).argmax(-1) == targets).float().mean())


def _gates(subject: Subject, circuit: Circuit, parts: Gates) -> Gates:
    device = subject.model.device
    return {
        site: torch.where(mask.to(device), 1.0, parts[site].to(device))
        for site, mask in circuit.nodes.items()
    }


def _worst(subject: Subject, circuit: Circuit) -> float:
    """Accuracy after signed gradient ascent on the select split, from nothing and from half of the
    rest; the worse of both."""
    model, task, config = subject.model, subject.task, subject.config
    tokens, targets = (part.to(model.device) for part in task.rows("select"))
    answers = task.answers.to(tokens).expand(len(tokens), -1)
    fill = ablation_fill(subject.kind, model, subject.means, tokens, answers)
    found: list[float] = []
    for start in (0.0, 0.5):
        draws = generator(seed_from(config.seed, "adversary"), str(start))
        parts = {
            site: (start * (1 + 0.1 * torch.randn(len(mask), generator=draws))).clamp(0, 1)
            for site, mask in circuit.nodes.items()
        }
        for _ in range(config.adversarial_steps):
            leaves = {s: part.to(model.device).requires_grad_() for s, part in parts.items()}
            gates = _gates(subject, circuit, leaves)
            loss = task_loss(model, task, tokens, targets, gates, fill)
            grads = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
            with torch.no_grad():
                parts = {
                    site: part if grad is None
                    else (part + config.adversarial_size * grad.sign()).clamp(0, 1)
                    for (site, part), grad in zip(leaves.items(), grads, strict=True)
                }  # fmt: skip
        parts = {site: part.detach() for site, part in parts.items()}
        found.append(_accuracy(subject, circuit, parts))
    return min(found)
