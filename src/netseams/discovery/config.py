"""Settings of the mask learner. The defaults are the plain one; recipes name the others."""

from typing import Literal

from pydantic import Field

from netseams.core import Config


class NodeMaskConfig(Config):
    """Settings of the learner. Equal settings are equal budgets."""

    steps: int = Field(default=250, ge=1)
    batch_size: int = Field(default=32, ge=1)
    """Rows a step; where both members of a pair count, half of them pairs."""
    lr: float = Field(default=0.01, gt=0)
    beta2: float = Field(default=0.95, ge=0, lt=1)
    weight_decay: float = Field(default=1e-3, ge=0)
    temperature: float = Field(default=1.0, gt=0)
    init_bias: float = 0.1
    init_noise: float = Field(default=0.01, ge=0)
    price_start: float = Field(default=1e-5, gt=0)
    """Price of a kept node in nats, at the first step."""
    price_end: float = Field(default=3e-3, gt=0)
    """The same at the last step; in between it rises geometrically."""
    snapshots: int = Field(default=25, ge=1)
    """Masks kept on the way for the size-loss curve."""
    bisections: int = Field(default=8, ge=0)
    """Evaluations spent on shrinking the circuit of one target loss."""
    seed: int = 0
    warmup: float = Field(default=0.0, ge=0, lt=1)
    """Share of the steps over which the learning rate rises from zero (paper's Table 2: 0.05)."""
    lr_schedule: Literal["constant", "linear"] = "constant"
    """After the warmup: stay, or fall linearly to zero at the last step (the paper's)."""
    init: Literal["constant", "attribution"] = "constant"
    """`attribution` adds `init_spread` times a node's rank, -1 .. 1, by its first-order effect."""
    init_spread: float = Field(default=0.1, ge=0)
    tie_qk: bool = False
    """One gate for a query channel and its key channel (the paper's authors wish they had)."""
    patience: int | None = Field(default=None, ge=1)
    """Stop after so many steps at the highest price without a gate that flips; None never does."""
    stop_past: float | None = Field(default=None, gt=0)
    """Stop when the training loss exceeds this many times the largest target, which it met before.

    Looked at when snapshots are taken. What never meets a target spends its whole budget."""
    drop_below: float | None = Field(default=None, lt=0)
    """Nodes whose score is below this at a snapshot are out for good; None drops none."""
    calibrate: bool = False
    """Also find circuits whose candidate logits are rescaled and shifted (`Calibration`)."""
