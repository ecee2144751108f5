import torch
from hypothesis import given
from hypothesis import strategies as st

from netseams.core import generator, seed_from


def test_known_value() -> None:
    # printf '0\x1finit' | sha256sum: the first 16 hexadecimal digits, shifted right by one bit.
    assert seed_from(0, "init") == 925402481798332886


@given(st.lists(st.one_of(st.integers(), st.text(max_size=5)), max_size=4))
def test_seeds_fit_63_bits_and_repeat(parts: list) -> None:
    assert 0 <= seed_from(*parts) < 2**63
    assert seed_from(*parts) == seed_from(*parts)


def test_branches_differ() -> None:
    branches = [(s, name, i) for s in range(5) for name in ("init", "batch") for i in range(50)]
    seeds = {seed_from(*branch) for branch in branches}
    assert len(seeds) == len(branches)


def test_boundaries_between_parts_count() -> None:
    assert seed_from("ab", "c") != seed_from("a", "bc")
    assert seed_from(1, 11) != seed_from(11, 1)
    assert seed_from("a") != seed_from("a", "")


def test_a_generator_repeats_and_ignores_other_draws() -> None:
    alone = torch.rand(100, generator=generator(3, "a"))
    torch.manual_seed(0)
    first, other = generator(3, "a"), generator(3, "b")
    torch.rand(17)
    torch.rand(31, generator=other)
    assert torch.equal(torch.rand(100, generator=first), alone)


def test_generators_leave_the_global_state_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    torch.rand(5, generator=generator("any"))
    assert torch.equal(torch.rand(3), expected)


def test_branches_are_uncorrelated() -> None:
    draws = torch.stack([torch.randn(4000, generator=generator(0, "b", i)) for i in range(12)])
    correlations = torch.corrcoef(draws) - torch.eye(12)
    assert float(correlations.abs().max()) < 5 / 4000**0.5
