"""Small images of closed outlines, with three properties that say nothing about each other.

`inside`: a small outline lies inside the large one, or outside. `contact`: another one touches
the large one from outside, or keeps away. `number`: there are five outlines, or three. So every
image has or lacks all three, as in the compositional vision tasks of arXiv 2301.10884.

Shape letters: n images, m outlines, K points of an outline, P pixels a side.
"""

import math
from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Bool, Float
from pydantic import Field
from torch import Tensor

from netseams.core import Config

Property = Literal["inside", "contact", "number"]
PROPERTIES: tuple[Property, ...] = ("inside", "contact", "number")

_LARGE, _BESIDE, _SMALL, _FOURTH, _FIFTH = range(5)
_RADII = ((6.3, 7.6), (2.2, 3.0), (1.6, 2.1), (1.6, 2.1), (1.6, 2.1))
"""Smallest and largest mean radius of each outline, in pixels."""
_POINTS = 64
_TRIES = 12
_WAVES = (2.0, 3.0)
_WOBBLE = 0.10
"""Greatest deviation of the radius in each of the waves, as a share of it."""
_CLEAR = 3.0
"""Pixels between outlines that do not touch: at 2, the ink of some pairs runs together."""
_ALONG = 0.6
"""Pixels: points this near to one line across the touching direction can meet."""


class ShapesConfig(Config):
    """Square images of one channel."""

    kind: Literal["shapes"] = "shapes"
    size: int = Field(default=32, ge=32, le=64)
    """Pixels a side; what is drawn is as large in all."""


class Shapes:
    """Draws images with given properties; nothing is stored."""

    def __init__(self, config: ShapesConfig) -> None:
        self.config = config

    def images(
        self, has: Mapping[Property, Bool[Tensor, " n"]], draws: torch.Generator
    ) -> Float[Tensor, "n 1 P P"]:
        """Ink between 0 and 1. A property that is not given is drawn evenly.

        Outlines are drawn first and places until all fit, so that sizes say nothing. Whatever is
        not asked to touch, or to lie inside, keeps clear.
        """
        n = len(next(iter(has.values())))
        every = torch.stack([
            has[name] if name in has else torch.rand(n, generator=draws) < 0.5
            for name in PROPERTIES
        ], dim=1)  # fmt: skip
        shapes = _outlines(n, draws)
        centres, todo = torch.empty(n, len(_RADII), 2), torch.arange(n)
        while len(todo):
            centres[todo], fits = self._places(shapes[todo], every[todo], draws)
            todo = todo[~fits]
        return self._ink(shapes, centres, _drawn(every[:, 2]))

    def _places(
        self, shapes: Float[Tensor, "n m K 2"], has: Bool[Tensor, "n 3"], draws: torch.Generator
    ) -> tuple[Float[Tensor, "n m 2"], Bool[Tensor, " n"]]:
        """Centres, one outline after the other, and whether a place was found for all of them."""
        n, reach = len(shapes), _reach(shapes)
        large = self._anywhere(reach[:, _LARGE], 1, draws).squeeze(1)
        towards = _directions(n, draws)
        touching = _touching_distance(shapes[:, _LARGE], shapes[:, _BESIDE], towards)
        nearest = shapes[:, _LARGE].norm(dim=-1).amin(1)
        room = (nearest - reach[:, _SMALL] - _CLEAR).clamp(min=0)
        room = room * torch.rand(n, generator=draws).sqrt()
        asked = {
            _BESIDE: (has[:, 1], large + touching.unsqueeze(1) * towards),
            _SMALL: (has[:, 0], large + room.unsqueeze(1) * _directions(n, draws)),
        }
        centres, fits = [large], torch.ones(n, dtype=torch.bool)
        for i in range(_BESIDE, len(_RADII)):
            tried = self._anywhere(reach[:, i], _TRIES, draws)
            apart = torch.cdist(tried, torch.stack(centres, 1))
            clear = apart >= (reach[:, i : i + 1] + reach[:, :i] + _CLEAR).unsqueeze(1)
            first = clear.all(2).long().argmax(1)
            place, found = tried[torch.arange(n), first], clear.all(2).any(1)
            if i in asked:
                is_asked, there = asked[i]
                place = torch.where(is_asked.unsqueeze(1), there, place)
                found = torch.where(is_asked, self._on_image(there, reach[:, i]), found)
            centres.append(place)
            fits &= found | ~_drawn(has[:, 2])[:, i]
        return torch.stack(centres, 1), fits

    def _anywhere(self, reach: Float[Tensor, " n"], tries: int, draws: torch.Generator) -> Tensor:
        """Centres (n, tries, 2) that leave a pixel between the outline and the edge."""
        low = (reach + 1).view(-1, 1, 1)
        high = self.config.size - 1 - low
        return low + (high - low) * torch.rand(len(reach), tries, 2, generator=draws)

    def _on_image(self, centres: Float[Tensor, "n 2"], reach: Float[Tensor, " n"]) -> Tensor:
        edge = (reach + 1).unsqueeze(1)
        return ((centres >= edge) & (centres <= self.config.size - 1 - edge)).all(1)

    def _ink(
        self,
        shapes: Float[Tensor, "n m K 2"],
        centres: Float[Tensor, "n m 2"],
        drawn: Bool[Tensor, "n m"],
    ) -> Float[Tensor, "n 1 P P"]:
        """Every point leaves the length of line that it stands for on the four pixels around."""
        n, side = len(shapes), self.config.size
        length = (shapes - shapes.roll(1, 2)).norm(dim=-1) * drawn.unsqueeze(2)
        points = shapes + centres.unsqueeze(2)
        corner = points.floor()
        beyond = points - corner
        canvas = torch.zeros(n, side * side)
        for dx in (0, 1):
            for dy in (0, 1):
                share = (beyond - (1 - torch.tensor([dx, dy], dtype=torch.float))).abs().prod(-1)
                x, y = (corner + torch.tensor([dx, dy])).long().clamp(0, side - 1).unbind(-1)
                canvas.scatter_add_(1, (y * side + x).flatten(1), (share * length).flatten(1))
        return canvas.clamp(max=1).view(n, 1, side, side)


def _outlines(n: int, draws: torch.Generator) -> Float[Tensor, "n m K 2"]:
    """Outlines around the origin whose radius wobbles in two waves."""
    low, high = torch.tensor(_RADII).unbind(1)
    m, waves = len(_RADII), torch.tensor(_WAVES)
    mean = low + (high - low) * torch.rand(n, m, generator=draws)
    angles = torch.arange(_POINTS) * (2 * math.pi / _POINTS)
    phases = 2 * math.pi * torch.rand(n, m, len(_WAVES), 1, generator=draws)
    amounts = _WOBBLE * torch.rand(n, m, len(_WAVES), 1, generator=draws)
    wobble = (amounts * (waves.unsqueeze(1) * angles + phases).cos()).sum(2)
    around = torch.stack([angles.cos(), angles.sin()], dim=1)
    return (mean.unsqueeze(2) * (1 + wobble)).unsqueeze(3) * around


def _touching_distance(
    one: Float[Tensor, "n K 2"], other: Float[Tensor, "n K 2"], towards: Float[Tensor, "n 2"]
) -> Float[Tensor, " n"]:
    """How far along `towards` the centre of `other` lies when it first touches `one`."""
    across = torch.stack([-towards[:, 1], towards[:, 0]], dim=1)
    one, other = one[:, ::2], other[:, ::2]

    def along(points: Tensor, direction: Tensor) -> Tensor:
        return (points * direction.unsqueeze(1)).sum(-1)

    offset = along(one, across).unsqueeze(2) - along(other, across).unsqueeze(1)
    needed = along(one, towards).unsqueeze(2) - along(other, towards).unsqueeze(1)
    return needed.masked_fill(offset.abs() > _ALONG, -torch.inf).flatten(1).amax(1)


def _directions(n: int, draws: torch.Generator) -> Float[Tensor, "n 2"]:
    turn = 2 * math.pi * torch.rand(n, generator=draws)
    return torch.stack([turn.cos(), turn.sin()], dim=1)


def _reach(shapes: Float[Tensor, "n m K 2"]) -> Float[Tensor, "n m"]:
    """Greatest radius of every outline."""
    return shapes.norm(dim=-1).amax(2)


def _drawn(five: Bool[Tensor, " n"]) -> Bool[Tensor, "n m"]:
    """Which outlines an image has: all five, or the first three."""
    return five.unsqueeze(1) | (torch.arange(len(_RADII)) < _FOURTH)
