"""Random masks of equal size against their definition."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from netseams.core import generator
from netseams.masks import draw_as_many

BITS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30)


@given(BITS, st.integers(0, 5))
def test_as_many_places_are_drawn_and_only_from_among(bits, seed: int) -> None:
    mask, among = (torch.tensor(x).view(1, -1) for x in zip(*bits, strict=True))
    drawn = draw_as_many(mask, among, generator(seed))
    assert drawn.shape == mask.shape
    assert not (drawn & ~among).any()
    assert int(drawn.sum()) == min(int(mask.sum()), int(among.sum()))


def test_every_place_is_as_likely() -> None:
    mask, among = torch.tensor([True, True, False, False]), torch.tensor([True, False, True, True])
    counts = sum(draw_as_many(mask, among, generator(i)).int() for i in range(600))
    assert counts[1] == 0  # type: ignore[index]
    assert all(abs(int(counts[i]) - 400) < 60 for i in (0, 2, 3))  # type: ignore[index]
