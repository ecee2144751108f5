"""What it does it with: exchanged between inputs, with norms held, without attention."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from netseams.audit.card import Finding
from netseams.audit.checks.base import CHECKS, Check, average, spread
from netseams.audit.subject import NotApplicableError, Subject
from netseams.circuits import Circuit
from netseams.interventions import ablation_fill, masked_hooks
from netseams.models import Transformer
from netseams.models.parts import Norm


@CHECKS.register("interchange")
class Interchange(Check):
    """Its channels take the values of the pair's other input; all others stay: the answer must
    become the other one's (interchange intervention, arXiv 2106.02997), and must not where as
    many others are exchanged."""

    name = "interchange"
    question = "exchanged for that of another input, does it bring that input's answer?"
    failure = "it does not carry the answer alone: not all of it, or as much of the rest does too"

    def run(self, subject: Subject) -> Finding:
        subject.only_channels()
        value = _brought(subject, subject.circuit)
        others = [_brought(subject, other) for other in subject.outsides]
        passed = value >= subject.config.enough
        return self.found(
            passed and value - average(others) >= subject.config.margin,
            value=value, control=average(others),
            **spread([value - other for other in others], "random masks, difference"),
        )  # fmt: skip


@CHECKS.register("frozen_norms")
class FrozenNorms(Check):
    """The same with every norm's scale held at that of the whole network."""

    name = "frozen_norms"
    question = "does it hold where the scale of norms is that of the whole network?"
    failure = "descriptive: how much of the circuit's accuracy hangs on norms that rescale it"

    def run(self, subject: Subject) -> Finding:
        subject.only_channels()
        model = subject.model
        if not isinstance(model, Transformer):
            raise NotApplicableError("norms are held in networks of ours only")
        if model.cfg.norm == "none":
            raise NotApplicableError("this network has no norms")
        free = subject.share(subject.alone.accuracy)
        held = subject.share(_with_norms_held(subject, model))
        return self.found(None, value=held, control=free, detail="control: norms free")


@CHECKS.register("uniform_attention")
class UniformAttention(Check):
    """All queries and keys at zero, so that every head looks everywhere alike."""

    name = "uniform_attention"
    question = "does it do the task without choosing where to look?"
    failure = "descriptive: near its own share, attention patterns say nothing about the circuit"

    def run(self, subject: Subject) -> Finding:
        subject.only_channels()
        if not isinstance(subject.model, Transformer):
            raise NotApplicableError("sites of queries and keys are named in networks of ours only")
        keep = {
            site: torch.zeros_like(mask) if site.endswith(("hook_q", "hook_k")) else mask
            for site, mask in subject.circuit.nodes.items()
        }
        zero = {
            site: torch.zeros_like(mean) if site.endswith(("hook_q", "hook_k")) else mean
            for site, mean in _fill(subject, subject.task.rows("report")[0]).items()
        }
        value = subject.share(_accuracy(subject, keep, zero))
        return self.found(
            None, value=value, control=subject.share(subject.alone.accuracy),
            detail="control: with its attention",
        )  # fmt: skip


def _fill(subject: Subject, tokens: Tensor) -> dict[str, Tensor]:
    answers = subject.task.answers.expand(len(tokens), -1)
    return ablation_fill(subject.kind, subject.model, subject.means, tokens, answers)


def _accuracy(subject: Subject, keep: dict[str, Tensor], fill: dict[str, Tensor]) -> float:
    tokens, targets = subject.task.rows("report")
    return float((_chosen(subject, tokens, keep, fill) == targets).float().mean())


def _chosen(
    subject: Subject, tokens: Tensor, keep: dict[str, Tensor], fill: dict[str, Tensor]
) -> Tensor:
    """(R, P) indices of the candidates that are answered."""
    answers = subject.task.answers.expand(len(tokens), -1)
    with torch.no_grad():
        logits = subject.model(tokens, masked_hooks(keep, fill), answers)
        return subject.task.candidate_logits(logits).argmax(-1).cpu()


def _brought(subject: Subject, circuit: Circuit) -> float:
    """Share of the answers in which a pair differs that become the other input's, of those that
    the network gives to that input itself."""
    task = subject.task
    examples = task.splits["report"]
    pairs = [(examples.clean, examples.corrupt, examples.clean_targets, examples.corrupt_targets)]
    if task.scores_both:
        pairs.append(
            (examples.corrupt, examples.clean, examples.corrupt_targets, examples.clean_targets)
        )
    keep = {site: mask.to(subject.model.device) for site, mask in circuit.complement().items()}
    brought = possible = 0
    for tokens, others, targets, wanted in pairs:
        answers = task.answers.expand(len(tokens), -1)
        with torch.no_grad():
            fill = subject.model.run_with_cache(others, list(circuit.nodes), answers)[1]
            own = task.candidate_logits(subject.model(others, None, answers)).argmax(-1).cpu()
        asked = (targets != wanted) & (own == wanted)
        got = _chosen(subject, tokens, keep, fill)
        brought += int(((got == wanted) & asked).sum())
        possible += int(asked.sum())
    if not possible:
        raise NotApplicableError("the two inputs of a pair have the same answers")
    return brought / possible


def _with_norms_held(subject: Subject, model: Transformer) -> float:
    tokens, _ = subject.task.rows("report")
    answers = subject.task.answers.expand(len(tokens), -1)
    scales: dict[Norm, Tensor] = {}

    def record(norm: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        assert isinstance(norm, Norm)
        scales[norm] = _scale(norm, inputs[0])

    with _on_norms(model, record), torch.no_grad():
        model(tokens, None, answers)

    def hold(norm: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> Tensor:
        assert isinstance(norm, Norm)
        x = inputs[0]
        x = x - x.mean(-1, keepdim=True) if norm.kind == "layer" else x
        x = x * scales[norm]
        x = x if norm.gain is None else x * norm.gain
        return x if norm.bias is None else x + norm.bias

    with _on_norms(model, hold):
        return _accuracy(subject, dict(subject.circuit.nodes), _fill(subject, tokens))


def _scale(norm: Norm, x: Tensor) -> Tensor:
    if norm.kind == "layer":
        x = x - x.mean(-1, keepdim=True)
    return torch.rsqrt(x.square().mean(-1, keepdim=True) + norm.epsilon)


@contextmanager
def _on_norms(model: Transformer, hook) -> Iterator[None]:
    handles = [
        module.register_forward_hook(hook) for module in model.modules() if isinstance(module, Norm)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
