"""Small modules of other shapes than ours, and functions for them with known answers."""

import torch
from torch import Tensor, nn

from netseams.discovery import Function


class ConvNet(nn.Module):
    """Images (3, 6, 6) -> two logits, with everything that a mask must leave alone."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.second = nn.Conv2d(4, 6, 3, groups=2)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.first(x)))
        return self.head(self.drop(torch.relu(self.second(x)).mean((2, 3))))


def bright_or_dark() -> Function:
    """Label 1 where the mean of channel 0 is above that of channel 1."""
    draws = torch.Generator().manual_seed(0)
    rows = {}
    for split, n in (("mask_train", 96), ("select", 64)):
        x = torch.randn(n, 3, 6, 6, generator=draws)
        shift = torch.where(torch.arange(n) % 2 == 0, 1.0, -1.0).view(-1, 1, 1)
        x[:, 0] += shift
        x[:, 1] -= shift
        rows[split] = (x, (torch.arange(n) % 2 == 0).long().unsqueeze(1))
    return Function("bright", rows, lambda run, x: run(x).unsqueeze(1), floor_accuracy=0.5)


def trained_conv_net(steps: int = 60) -> ConvNet:
    """Does `bright_or_dark`, trained on the spot."""
    torch.manual_seed(0)
    net = ConvNet()
    net.drop.p = 0.0
    inputs, targets = bright_or_dark().rows["mask_train"]
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(inputs), targets[:, 0]).backward()
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    net.drop.p = 0.5
    return net
