"""Images are read back with scipy's labels of connected ink, which knows nothing of outlines."""

import itertools

import pytest
import torch
from scipy import ndimage

from netseams.corpora.shapes import PROPERTIES, Shapes, ShapesConfig

INK = 0.15


def draw(n: int = 60, seed: int = 0, size: int = 32, **has: bool) -> torch.Tensor:
    wanted = {name: torch.full((n,), value) for name, value in has.items()}
    return Shapes(ShapesConfig(size=size)).images(wanted, torch.Generator().manual_seed(seed))


def pieces(image: torch.Tensor) -> int:
    return ndimage.label(image.numpy() > INK, structure=torch.ones(3, 3).numpy())[1]


def solid_pieces(image: torch.Tensor) -> int:
    """The same with every outline filled in: what lies inside is gone."""
    filled = ndimage.binary_fill_holes(image.numpy() > INK)
    return ndimage.label(filled, structure=torch.ones(3, 3).numpy())[1]


@pytest.mark.parametrize("has", list(itertools.product((False, True), repeat=3)))
def test_connected_ink_tells_all_three_properties(has: tuple[bool, ...]) -> None:
    inside, contact, number = has
    images = draw(**dict(zip(PROPERTIES, has, strict=True)))
    assert images.shape == (60, 1, 32, 32)
    outlines = 5 if number else 3
    for image in images[:, 0]:
        assert pieces(image) == outlines - contact
        assert solid_pieces(image) == outlines - contact - inside


def test_what_is_not_given_is_drawn_evenly() -> None:
    images = draw(800, inside=True)
    counts = torch.tensor([pieces(image) for image in images[:, 0]])
    shares = [float((counts == n).float().mean()) for n in (2, 3, 4, 5)]
    assert shares == pytest.approx([0.25] * 4, abs=0.06)


def test_ink_stays_on_the_image_and_between_0_and_1() -> None:
    images = draw(200, contact=True)
    assert float(images.min()) == 0
    assert float(images.max()) == 1
    edge = torch.cat([images[..., 0], images[..., -1], images[..., 0, :], images[..., -1, :]], -1)
    assert float(edge.max()) == 0


def test_sizes_say_nothing_of_inside() -> None:
    """Ink differs only by what three outlines of random size differ in."""
    with_it, without = (draw(600, 1, inside=v, contact=False, number=False) for v in (True, False))
    difference = with_it.sum((1, 2, 3)).mean() - without.sum((1, 2, 3)).mean()
    assert abs(float(difference)) < 3 * float(without.sum((1, 2, 3)).std()) * (2 / 600) ** 0.5 + 0.5


def test_images_depend_on_their_generator_alone() -> None:
    first = draw(8, 5, inside=True)
    torch.manual_seed(1)
    assert torch.equal(draw(8, 5, inside=True), first)
    assert not torch.equal(draw(8, 6, inside=True), first)
    assert draw(2, size=48, number=True).shape == (2, 1, 48, 48)
