"""Steering: one channel of the sparse network, written into the dense one through a bridge.

The experiment of arXiv 2511.13653, section 3.3: the difference that a read channel makes between
two inputs, token by token, times that channel's direction under the decoder, added to the dense
residual at rising strength. Random directions of equal norm are its control here as there; the
number (area beyond them) is ours.

Shape letters: N pairs, T positions, P answer positions, D dense width.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from netseams.core import Config, SettingError, generator
from netseams.models import Hook, Transformer
from netseams.models.bridge import Bridges, bridge_sites, run_from
from netseams.models.parts import take
from netseams.tasks import Examples, Task


class SteeringConfig(Config):
    """Strengths and controls."""

    strengths: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    """Rising from 0 (no steering)."""
    random_directions: int = Field(default=8, ge=1)
    rescale: Literal["sparse_rms", "rms_ratio"] = "sparse_rms"
    """A read channel is normed, a residual is not. `sparse_rms` (ours): times the RMS of the
    sparse residual, which undoes the norm before a decoder that is linear in that residual.
    `rms_ratio` (paper): times the RMS of the dense over that of the sparse residual; with our
    networks that adds several times the residual's own norm."""
    seed: int = Field(default=0, ge=0)


class Channel(Config):
    """A read channel of the sparse network."""

    site: int
    """Bridge site (0-based) whose residual is read."""
    channel: int
    difference: float
    """Mean absolute difference between clean and corrupt inputs at the answer positions."""


class Steering(Config):
    """P(the corrupt input's answer) in the dense network on clean inputs, over its vocabulary."""

    channel: Channel
    strengths: tuple[float, ...]
    steered: tuple[float, ...]
    random: tuple[tuple[float, ...], ...]
    """One curve a random direction."""
    all_channels: tuple[float, ...]
    """The decoded difference of the whole residual instead of one channel's: what the bridge
    can carry at best."""
    relative_norm: float
    """RMS of what is added at full strength over that of the dense residual, all tokens."""
    goal: float
    """The same probability on corrupt inputs: what a perfect switch would give."""

    @property
    def area(self) -> float:
        """Mean rise over the strengths, above that of the random directions."""
        return _area(self.strengths, self.steered) - self.random_area

    @property
    def random_area(self) -> float:
        """Mean rise over the strengths and the random directions."""
        areas = [_area(self.strengths, curve) for curve in self.random]
        return sum(areas) / len(areas)

    @property
    def best_random_area(self) -> float:
        """Rise of the random direction that rises most."""
        return max(_area(self.strengths, curve) for curve in self.random)


def choose_channel(sparse: Transformer, task: Task) -> Channel:
    """The read channel that differs most between clean and corrupt inputs, on the select split."""
    examples = task.splits["select"]
    difference = _read_differences(sparse, examples)
    at_answers = [
        take(d, task.answers.expand(len(examples), -1)).abs().mean(dim=(0, 1)) for d in difference
    ]
    best = [float(d.max()) for d in at_answers]
    site = max(range(len(best)), key=best.__getitem__)
    return Channel(site=site, channel=int(at_answers[site].argmax()), difference=best[site])


def steering(
    bridges: Bridges,
    dense: Transformer,
    sparse: Transformer,
    task: Task,
    config: SteeringConfig | None = None,
    relative_norm: float | None = None,
) -> Steering:
    """Steer the dense network with the chosen channel, on the report split.

    Args:
        relative_norm: scale what is added to this, so that another network's steering, a
            control, can be held against it at equal norm; None: as it comes.

    Raises:
        SettingError: bridges and networks do not fit together, or strengths that do not rise
            from 0.
    """
    bridges.check(dense, sparse)
    config = config or SteeringConfig()
    rising = all(a < b for a, b in zip(config.strengths, config.strengths[1:], strict=False))
    if len(config.strengths) < 2 or config.strengths[0] != 0 or not rising:
        raise SettingError(
            f"strengths must rise from 0, got {config.strengths}: use for example (0, 0.5, 1)"
        )
    channel = choose_channel(sparse, task)
    examples = task.splits["report"]
    with torch.no_grad():
        _, residuals = run_from(dense, examples.clean)
        residual = residuals[channel.site]
        amount = _amount(sparse, examples, channel, residual, config.rescale)
        weight = bridges.decoders[channel.site].get_parameter("weight")
        direction = weight[:, channel.channel]
        size = float(_rms(amount * direction.norm() / len(direction) ** 0.5) / _rms(residual))
        if relative_norm is not None:
            amount = amount * (relative_norm / max(size, 1e-12))
            size = relative_norm
        others = [
            direction_like(direction, config.seed, i) for i in range(config.random_directions)
        ]
        curves = [
            tuple(
                _other_answer(dense, task, channel.site, residual + s * amount * d)
                for s in config.strengths
            )
            for d in (direction, *others)
        ]
        whole = _decoded_difference(bridges, sparse, examples, channel.site)
        everything = tuple(
            _other_answer(dense, task, channel.site, residual + s * whole) for s in config.strengths
        )
        goal = _other_answer(dense, task, None, None)
    return Steering(
        channel=channel,
        strengths=config.strengths,
        steered=curves[0],
        random=tuple(curves[1:]),
        all_channels=everything,
        relative_norm=size,
        goal=goal,
    )


def direction_like(direction: Float[Tensor, " D"], seed: int, draw: int) -> Float[Tensor, " D"]:
    """A random direction of equal norm."""
    other = torch.randn(direction.shape, generator=generator(seed, "direction", draw))
    other = other.to(direction)
    return other * (direction.norm() / other.norm())


def _reads(model: Transformer, tokens: Tensor) -> list[Tensor]:
    """What attention and MLP of every layer read of the residual at every bridge site."""
    names = [
        f"blocks.{i}.{norm}.hook_normalized"
        for i in range(model.cfg.n_layers)
        for norm in ("ln1", "ln2")
    ]
    _, cache = model.run_with_cache(tokens, names)
    return [cache[name][..., : model.cfg.d_model] for name in names]  # no position channels


def _read_differences(model: Transformer, examples: Examples) -> list[Float[Tensor, "N T D"]]:
    """Corrupt minus clean, at every bridge site."""
    with torch.no_grad():
        clean, corrupt = (_reads(model, tokens) for tokens in (examples.clean, examples.corrupt))
    return [b - a for a, b in zip(clean, corrupt, strict=True)]


def _amount(
    sparse: Transformer,
    examples: Examples,
    channel: Channel,
    residual: Float[Tensor, "N T D"],
    rescale: Literal["rms_ratio", "sparse_rms"],
) -> Float[Tensor, "N T 1"]:
    """How much of the direction is added at every token at full strength."""
    difference = _read_differences(sparse, examples)[channel.site][..., channel.channel]
    own = _token_rms(run_from(sparse, examples.clean)[1][channel.site])
    scale = own if rescale == "sparse_rms" else _token_rms(residual) / own
    return (difference * scale).unsqueeze(-1)


def _decoded_difference(
    bridges: Bridges, sparse: Transformer, examples: Examples, site: int
) -> Float[Tensor, "N T D"]:
    clean, corrupt = (
        bridges.decode(site, run_from(sparse, tokens)[1][site])
        for tokens in (examples.clean, examples.corrupt)
    )
    return corrupt - clean


def _other_answer(
    dense: Transformer, task: Task, site: int | None, residual: Float[Tensor, "N T D"] | None
) -> float:
    """Mean probability of the corrupt answer where it differs from the clean one.

    On clean inputs with the residual put in; without one, on corrupt inputs.
    """
    examples = task.splits["report"]
    tokens = examples.clean
    answers = task.answers.expand(len(tokens), -1)
    hooks: dict[str, Hook] = {}
    if site is None or residual is None:
        tokens = examples.corrupt
    else:
        hooks[bridge_sites(dense.cfg.n_layers)[site]] = lambda x: (
            residual if x.shape == residual.shape else take(residual, answers.to(x.device))
        )
    logits = dense(tokens, hooks, answers)  # the last block runs at the answers alone
    wanted = task.candidates[examples.corrupt_targets].unsqueeze(-1).to(logits.device)
    p = logits.softmax(-1).gather(-1, wanted).squeeze(-1)
    return float(p[examples.clean_targets != examples.corrupt_targets].mean())


def _token_rms(x: Float[Tensor, "N T D"]) -> Float[Tensor, "N T"]:
    return x.square().mean(dim=-1).sqrt().clamp(min=1e-12)


def _rms(x: Tensor) -> Tensor:
    return x.square().mean().sqrt()


def _area(strengths: Sequence[float], curve: Sequence[float]) -> float:
    """Mean of curve minus its start, by trapezoids, over the strengths."""
    pairs = zip(strengths, strengths[1:], curve, curve[1:], strict=False)
    total = sum((b - a) * ((p + q) / 2 - curve[0]) for a, b, p, q in pairs)
    return total / (strengths[-1] - strengths[0])
