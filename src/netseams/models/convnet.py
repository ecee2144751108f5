"""A small residual convolutional network that encodes images, to be read in one sitting.

Shape letters: N images, C channels, P pixels a side, d encoding.
"""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor, nn

from netseams.core import Config, generator
from netseams.models.files import check_tensors
from netseams.store import load_format, save_tensors

FORMAT = "netseams.convnet"
VERSION = "1"


class ConvNetConfig(Config):
    """Stages of residual blocks; every stage but the first halves the image."""

    widths: tuple[int, ...] = Field(default=(16, 32, 64), min_length=1)
    """Channels of every stage."""
    n_blocks: int = Field(default=1, ge=1)
    """Residual blocks a stage."""
    n_groups: int = Field(default=4, ge=1)
    """Of the group norms, which know one image at a time and no batch."""
    d_encoding: int = Field(default=64, ge=1)

    @model_validator(mode="after")
    def _groups_divide(self) -> "ConvNetConfig":
        for width in self.widths:
            if width % self.n_groups:
                raise ValueError(f"n_groups {self.n_groups} must divide every width, got {width}")
        return self


class ResidualBlock(nn.Module):
    """Two convolutions between norms, added to what comes in."""

    def __init__(self, n_in: int, n_out: int, n_groups: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(n_groups, n_in)
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, padding=1, bias=False)
        self.norm2 = nn.GroupNorm(n_groups, n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        same = n_in == n_out and stride == 1
        self.shortcut = None if same else nn.Conv2d(n_in, n_out, 1, stride, bias=False)

    def forward(self, x: Float[Tensor, "N C P P"]) -> Float[Tensor, "N _ Q Q"]:
        write = self.conv1(F.relu(self.norm1(x)))
        write = self.conv2(F.relu(self.norm2(write)))
        return write + (x if self.shortcut is None else self.shortcut(x))


class ConvNet(nn.Module):
    """images (N, 1, P, P) -> encodings (N, d)."""

    def __init__(self, cfg: ConvNetConfig, seed: int = 0) -> None:
        super().__init__()
        self.cfg = cfg
        widths = cfg.widths
        self.stem = nn.Conv2d(1, widths[0], 3, padding=1, bias=False)
        self.blocks = nn.ModuleList(
            ResidualBlock(before, width, cfg.n_groups, 2 if i and not j else 1)
            for i, width in enumerate(widths)
            for j, before in enumerate([widths[max(i - 1, 0)], *[width] * (cfg.n_blocks - 1)])
        )
        self.norm = nn.GroupNorm(cfg.n_groups, widths[-1])
        self.hidden = nn.Linear(widths[-1], widths[-1])
        self.head = nn.Linear(widths[-1], cfg.d_encoding)
        self._init_weights(seed)

    def _init_weights(self, seed: int) -> None:
        """Variance 2 / fan-in (arXiv 1502.01852, section 2.2); norms and biases start as ones
        and zeros."""
        draws = generator(seed, "init")
        with torch.no_grad():
            for parameter in self.parameters():
                if parameter.ndim > 1:
                    fan_in = math.prod(parameter.shape[1:])
                    parameter.normal_(0.0, math.sqrt(2 / fan_in), generator=draws)
            self.hidden.bias.zero_()
            self.head.bias.zero_()

    def forward(self, images: Float[Tensor, "N 1 P P"]) -> Float[Tensor, "N d"]:
        x = self.stem(images)
        for block in self.blocks:
            x = block(x)
        x = F.relu(self.norm(x)).mean((2, 3))
        return self.head(F.relu(self.hidden(x)))

    def encode(self, items: Float[Tensor, "N 1 P P"]) -> Float[Tensor, "N d"]:
        return self(items)


def save_convnet(path: Path, model: ConvNet) -> None:
    """Write weights and config, atomically.

    Raises:
        StorageError: no space, or the folder cannot be written.
    """
    header = {"format": FORMAT, "version": VERSION, "config": model.cfg.model_dump_json()}
    save_tensors(path, dict(model.state_dict()), header)


def load_convnet(path: Path) -> ConvNet:
    """Read a network written by `save_convnet`.

    Raises:
        FileFormatError: missing, truncated, a pickle, of another format or version, or its
            tensors do not fit its config.
    """
    tensors, header = load_format(path, FORMAT, VERSION)
    config = ConvNetConfig.parse_json(header.get("config", ""), str(path))
    with torch.device("meta"):
        expected = {k: tuple(v.shape) for k, v in ConvNet(config).state_dict().items()}
    check_tensors(path, expected, tensors)
    model = ConvNet(config)
    model.load_state_dict(tensors)
    return model
