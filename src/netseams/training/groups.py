"""Which rule a parameter falls under: every group has its own density."""

from typing import Literal, get_args

ParameterGroup = Literal["block", "embed", "unembed", "bias", "bigram", "sink"]
PARAMETER_GROUPS: tuple[ParameterGroup, ...] = get_args(ParameterGroup)


def group_of(name: str, ndim: int) -> ParameterGroup:
    """Group of the parameter `name`: `block` for the matrices whose weights are edges, `embed`
    for token and position tables, `bias` for every vector but sinks."""
    if name.startswith("bigram"):
        return "bigram"
    if name.endswith("sink"):
        return "sink"
    if ndim < 2:
        return "bias"
    if name.startswith("unembed"):
        return "unembed"
    return "block" if name.startswith("blocks.") else "embed"
