"""The one loop that trains masks: many at once, each with its own seed, price, settings and task.

All masks of a call share one forward and one backward pass; their scores, optimizer states,
batches and stops are their own, so each ends as it would alone, up to rounding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netseams.core import SettingError, generator
from netseams.discovery.attribution import node_effects
from netseams.discovery.body import Body
from netseams.discovery.config import NodeMaskConfig
from netseams.discovery.layout import Layout
from netseams.discovery.search import answer_losses
from netseams.masks import geometric, hard_gate
from netseams.models import Network
from netseams.tasks import Task

SHARED = ("steps", "batch_size", "snapshots", "temperature", "tie_qk", "drop_below")
"""Fields in which masks that are trained together must agree."""


@dataclass
class Trace:
    """What the training of one mask leaves behind."""

    config: NodeMaskConfig
    task: Task
    scores: Float[Tensor, " G"]
    snapshots: list[Tensor] = field(default_factory=list)
    """Scores on the way, from early to late."""
    steps: int = 0
    training_sequences: int = 0
    losses: list[float] = field(default_factory=list)
    """Mean training loss before every snapshot."""
    stopped: str = ""
    """Why it ended early; empty where it did not."""
    dropped: Tensor | None = None
    """(G,) which gates were forbidden or have fallen below `drop_below`; they stay shut."""
    _quiet: int = 0
    _spent: list[Tensor] = field(default_factory=list)


def train_masks(
    model: Network,
    task: Task | Sequence[Task],
    means: Mapping[str, Tensor],
    configs: Sequence[NodeMaskConfig],
    largest_target: float,
    forbidden: Mapping[str, Tensor] | None = None,
) -> list[Trace]:
    """Train one mask for every config, stacked through one model.

    Args:
        task: of all masks, or one for each: with the same answer positions and candidates, and
            as many rows a step.
        means: site -> what stands in for ablated nodes.
        largest_target: the loss that `stop_past` counts in.
        forbidden: site -> (width,) nodes that no mask may keep.

    Raises:
        SettingError: the configs or tasks disagree in what stacked masks share.
    """
    first = configs[0]
    tasks = [task] * len(configs) if isinstance(task, Task) else list(task)
    _check_shared(configs, tasks)
    layout = Layout(model.cfg, first.tie_qk)
    traces = [
        _start(model, task, means, config, layout)
        for task, config in zip(tasks, configs, strict=True)
    ]
    if forbidden is not None:
        shut = layout.per_gate(torch.cat([forbidden[s.name].float() for s in layout.sites])) > 0
        for trace in traces:
            trace.dropped = shut.to(trace.scores.device)
            trace.scores.data.masked_fill_(trace.dropped, -1.0)
    optimizer = torch.optim.AdamW(
        [
            {
                "params": [trace.scores],
                "lr": trace.config.lr,
                "betas": (0.9, trace.config.beta2),
                "weight_decay": trace.config.weight_decay,
            }
            for trace in traces
        ]
    )
    body = Body(model, means)
    every = max(1, first.steps // first.snapshots)
    for step in range(first.steps):
        running = [trace for trace in traces if not trace.stopped]
        if not running:
            break
        batches = [batch(trace.task, trace.config, step) for trace in running]
        tokens, targets = (
            torch.cat(parts).to(means_device(means)) for parts in zip(*batches, strict=True)
        )
        gates = [_open_gates(trace, first.temperature) for trace in running]
        kept = torch.stack([layout.nodes(gate) for gate in gates])
        losses = answer_losses(body, tasks[0], tokens, targets, layout.by_site(kept))
        cost = losses.sum()
        for trace, mask in zip(running, kept, strict=True):
            cost = cost + price_at(trace.config, step) * mask.sum()
        optimizer.zero_grad()
        cost.backward()
        for group, trace in zip(optimizer.param_groups, traces, strict=True):
            group["lr"] = learning_rate(trace.config, step)
            torch.nn.utils.clip_grad_norm_([trace.scores], 1.0)
        optimizer.step()
        snap = (step + 1) % every == 0 or step + 1 == first.steps
        for trace, loss, before in zip(running, losses.detach(), gates, strict=True):
            trace.training_sequences += len(tokens) // len(running)
            _record(trace, loss, before.detach(), snap, step, largest_target)
        if snap and first.drop_below is not None:
            alive = torch.stack([_drop(trace, first.drop_below) for trace in running]).any(0)
            body = Body(model, means, layout.by_site(layout.nodes(alive)))
    return traces


def stackable(one: Task, other: Task, config: NodeMaskConfig) -> bool:
    """Whether masks for both tasks can be trained together."""
    return (
        torch.equal(one.answers, other.answers)
        and torch.equal(one.candidates, other.candidates)
        and _rows_a_step(one, config) == _rows_a_step(other, config)
    )


def _check_shared(configs: Sequence[NodeMaskConfig], tasks: Sequence[Task]) -> None:
    for name in SHARED:
        if len({getattr(config, name) for config in configs}) > 1:
            raise SettingError(f"masks that are trained together need one and the same {name}")
    odd = [task for task in tasks if not stackable(task, tasks[0], configs[0])]
    if odd:
        raise SettingError(
            f"masks for {tasks[0].name} and {odd[0].name} cannot be trained together: answer "
            "positions, candidates and rows a step must be the same"
        )


def _rows_a_step(task: Task, config: NodeMaskConfig) -> int:
    return len(batch(task, config, 0)[0])


def means_device(means: Mapping[str, Tensor]) -> torch.device:
    """Where the search runs: where the means are."""
    return next(iter(means.values())).device


def price_at(config: NodeMaskConfig, step: int) -> float:
    """Price of a kept node: from `price_start` to `price_end`, geometrically."""
    return geometric(config.price_start, config.price_end, step / max(1, config.steps - 1))


def learning_rate(config: NodeMaskConfig, step: int) -> float:
    """Linear warmup, then constant or linear to zero."""
    warm = round(config.warmup * config.steps)
    if step < warm:
        return config.lr * (step + 1) / warm
    if config.lr_schedule == "constant":
        return config.lr
    return config.lr * (config.steps - step) / (config.steps - warm)


def batch(
    task: Task, config: NodeMaskConfig, step: int
) -> tuple[Int[Tensor, "R T"], Int[Tensor, "R P"]]:
    """The rows of one step and their targets, drawn from the mask_train split."""
    examples = task.splits["mask_train"]
    both = task.scores_both
    size = min(len(examples), config.batch_size // 2 if both else config.batch_size)
    draws = generator(config.seed, "mask batch", step)
    picks = torch.randperm(len(examples), generator=draws)[:size]
    if not both:
        return examples.clean[picks], examples.clean_targets[picks]
    return (
        torch.cat([examples.clean[picks], examples.corrupt[picks]]),
        torch.cat([examples.clean_targets[picks], examples.corrupt_targets[picks]]),
    )


def _start(
    model: Network,
    task: Task,
    means: Mapping[str, Tensor],
    config: NodeMaskConfig,
    layout: Layout,
) -> Trace:
    noise = torch.randn(layout.n_gates, generator=generator(config.seed, "scores"))
    scores = config.init_bias + config.init_noise * noise
    rows = 0
    if config.init == "attribution":
        tokens, targets = batch(task, config.model_copy(update={"batch_size": 128}), 0)
        rows = len(tokens)
        effects = node_effects(model, task, means, tokens, targets).abs().mean(0)
        rank = layout.per_gate(effects.cpu()).argsort().argsort() / max(1, layout.n_gates - 1)
        scores = scores + config.init_spread * (2 * rank - 1)
    scores = scores.to(means_device(means)).requires_grad_()
    return Trace(config, task, scores, training_sequences=rows)


def _open_gates(trace: Trace, temperature: float) -> Tensor:
    gates = hard_gate(trace.scores, temperature)
    return gates if trace.dropped is None else gates.masked_fill(trace.dropped, 0.0)


def _drop(trace: Trace, below: float) -> Tensor:
    """Shut gates that have fallen below the limit, for good; which ones are left."""
    with torch.no_grad():
        low = trace.scores <= below
        trace.dropped = low if trace.dropped is None else trace.dropped | low
        trace.scores.masked_fill_(trace.dropped, -1.0)  # out of the reach of old momentum
    return ~trace.dropped


def _record(
    trace: Trace, loss: Tensor, before: Tensor, snap: bool, step: int, largest_target: float
) -> None:
    """Clamp the scores, keep a snapshot where one is due, and see whether to stop."""
    config = trace.config
    with torch.no_grad():
        trace.scores.clamp_(-1, 1)
    trace.steps += 1
    trace._spent.append(loss)
    if config.patience is not None:
        dear = price_at(config, step) >= config.price_end
        flipped = not torch.equal(trace.scores.detach() > 0, before > 0)
        trace._quiet = 0 if flipped or not dear else trace._quiet + 1
        if trace._quiet >= config.patience:
            trace.stopped = f"no gate flipped for {config.patience} steps"
    if snap or trace.stopped:
        trace.snapshots.append(trace.scores.detach().clone())
        trace.losses.append(float(torch.stack(trace._spent).mean()))
        trace._spent.clear()
        useful = min(trace.losses) <= largest_target  # once it was; a control never is
        past = config.stop_past is not None and (
            trace.losses[-1] > config.stop_past * largest_target
        )
        if useful and past:
            trace.stopped = f"loss {trace.losses[-1]:.3g} is past use"
