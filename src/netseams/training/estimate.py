"""What a run takes before it is started: parameters, memory and communication per device.

Shapes are those of the real model, made without memory. Bytes of float32: weights, gradients and
both moments are kept in it.
"""

import math
from collections.abc import Iterable

import torch

from netseams.core import Config, SettingError
from netseams.masks import kept_count
from netseams.masks.sharded import DIGITS, first_row
from netseams.models import (
    PARAMETER_GROUPS,
    ParameterCount,
    ParameterGroup,
    Transformer,
    TransformerConfig,
    group_of,
)
from netseams.training.arms import Pruned, Sparsified, WeightSparse
from netseams.training.config import RunConfig
from netseams.training.projection import weights_axis

FLOAT = 4
_COUNT = 4


class Estimate(Config):
    """Bytes and counts of one optimizer step on the device that has most to do.

    Bytes of communication are those that a device receives in rings: (N - 1) pieces of a gather
    or a reduce-scatter, 2 (N - 1) / N of the payload of an all-reduce.
    """

    devices: int
    groups: dict[ParameterGroup, ParameterCount]
    """Parameters of every group, and those that are left at the end of training."""
    weights: int
    """4 bytes x the device's rows of every parameter. Gradients take the same."""
    moments: int
    """Two of Adam for each weight."""
    assembled: int
    """Whole weights and gradients of the root (embeddings, unembedding, bigram table) and of two
    blocks, the one at work and the one that is fetched or sent; 0 on one device."""
    activations: int
    """`activation_floats` for the device's sequences."""
    host_start: int
    """Host memory of each process at the start: the whole model, before it is split."""
    host_checkpoint: int
    """Host memory of the first process at a checkpoint: whole weights and both moments, twice,
    since the file is made in memory."""
    gathered: int
    """Weights received: blocks in the forward and in the backward pass, the root once."""
    reduced: int
    """Gradients received by reduce-scatter."""
    selection: int
    """Counts received to find the weights that stay."""
    selection_collectives: int

    @property
    def parameters(self) -> int:
        return sum(count.n for count in self.groups.values())

    @property
    def kept(self) -> int:
        return sum(count.l0 for count in self.groups.values())

    @property
    def memory(self) -> int:
        """All of a device."""
        return 2 * self.weights + self.moments + self.assembled + self.activations


def estimate(config: RunConfig, devices: int) -> Estimate:
    """Work out what `config` takes on `devices`; nothing is allocated.

    Raises:
        SettingError: fewer than one device, or more devices than sequences in a batch.
    """
    if not 1 <= devices <= config.train.batch_size:
        raise SettingError(
            f"{devices} devices for batches of {config.train.batch_size} sequences: use 1 to "
            f"{config.train.batch_size}, or raise the batch size"
        )
    shapes = _shapes(config.model)
    others = devices - 1
    root = [shape for name, shape in shapes.items() if not name.startswith("blocks.")]
    block = [shape for name, shape in shapes.items() if name.startswith("blocks.0.")]
    blocks = config.model.n_layers
    piece_root, piece_block = _largest_piece(root, devices), _largest_piece(block, devices)
    own = piece_root + blocks * piece_block
    assembled = 2 * (_numel(root) + 2 * _numel(block)) if others else 0
    sequences = math.ceil(config.train.batch_size / devices)
    selection, collectives = _selection(config, shapes, devices)
    everything = _numel(shapes.values())
    return Estimate(
        devices=devices,
        groups=_groups(config, shapes),
        weights=FLOAT * own,
        moments=2 * FLOAT * own,
        assembled=FLOAT * assembled,
        activations=FLOAT * sequences * activation_floats(config.model),
        host_start=FLOAT * everything,
        host_checkpoint=2 * 3 * FLOAT * everything,
        gathered=FLOAT * others * (piece_root + 2 * blocks * piece_block),
        reduced=FLOAT * others * own,
        selection=selection,
        selection_collectives=collectives,
    )


def activation_floats(cfg: TransformerConfig) -> int:
    """Floats kept for the backward pass of one sequence of n_ctx tokens, about.

    Per token and block 8 d_model (input, its norm, q, k, v, attention's sum, the middle of the
    block, its norm) and 2 d_mlp (before and after the GELU); AbsTopK adds a mask of bytes at each
    of its eight sites. Per token besides 2 d_model and 2 d_vocab (logits and
    their log-softmax). With sinks two tables of n_ctx each per head, without them none.
    """
    block = 8 * cfg.d_model + 2 * cfg.d_mlp
    if cfg.activation_density is not None:
        block += (7 * cfg.d_model + cfg.d_mlp) // 4
    if cfg.sinks:
        block += 2 * cfg.n_heads * cfg.n_ctx
    return cfg.n_ctx * (cfg.n_layers * block + 2 * cfg.d_model + 2 * cfg.d_vocab)


def _shapes(cfg: TransformerConfig) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        model = Transformer(cfg)
    return {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}


def _numel(shapes: Iterable[tuple[int, ...]]) -> int:
    return sum(math.prod(shape) for shape in shapes)


def _largest_piece(shapes: Iterable[tuple[int, ...]], devices: int) -> int:
    """Entries of the first device, which never has fewer than another."""
    return sum(first_row(s[0], 1, devices) * math.prod(s[1:]) for s in shapes)


def _groups(
    config: RunConfig, shapes: dict[str, tuple[int, ...]]
) -> dict[ParameterGroup, ParameterCount]:
    arm, found = config.train.sparsity, dict[ParameterGroup, ParameterCount]()
    for group in PARAMETER_GROUPS:
        sizes = [math.prod(s) for name, s in shapes.items() if group_of(name, len(s)) == group]
        density = arm.final_density(group) if isinstance(arm, Sparsified) else 1.0
        kept = sizes if density == 1.0 else [kept_count(n, density) for n in sizes]
        if sizes:
            found[group] = ParameterCount(n=sum(sizes), l0=sum(kept))
    return found


def _selection(
    config: RunConfig, shapes: dict[str, tuple[int, ...]], devices: int
) -> tuple[int, int]:
    """Bytes received and collectives; a support that is fixed needs neither."""
    arm = config.train.sparsity
    if devices == 1 or not isinstance(arm, WeightSparse | Pruned):
        return 0, 0
    chosen = {
        name: shape
        for name, shape in shapes.items()
        if arm.final_density(group_of(name, len(shape))) < 1.0
    }
    if not chosen:
        return 0, 0
    *added, last = (2**width for _, width in DIGITS)
    received = 2 * (devices - 1) / devices * sum(added) + (devices - 1) * last
    total, collectives = _COUNT * len(chosen) * received, len(DIGITS)
    if isinstance(arm, WeightSparse) and arm.min_alive and arm.density < 1.0:
        columns = sum(
            shape[1]
            for name, shape in chosen.items()
            if group_of(name, len(shape)) == "block" and weights_axis(name) == 0
        )
        total += (devices - 1) * 8 * arm.min_alive * columns
        collectives += 1
    return round(total), collectives
