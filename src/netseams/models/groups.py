"""Which rule a parameter falls under: every group has its own density and its own count."""

from typing import Literal, get_args

ParameterGroup = Literal["block", "embed", "unembed", "bias", "norm", "bigram", "sink"]
PARAMETER_GROUPS: tuple[ParameterGroup, ...] = get_args(ParameterGroup)


def group_of(name: str, ndim: int) -> ParameterGroup:
    """Group of the parameter `name`: `block` for the matrices whose weights are edges, `embed`
    for token and position tables, `norm` for gains and biases of norms, `bias` for every other
    vector but sinks."""
    if name.startswith("bigram"):
        return "bigram"
    if name.endswith("sink"):
        return "sink"
    if name.startswith("ln_final.") or ".ln" in name:
        return "norm"
    if ndim < 2:
        return "bias"
    if name.startswith("unembed"):
        return "unembed"
    return "block" if name.startswith("blocks.") else "embed"
