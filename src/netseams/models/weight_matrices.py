"""Which matrices of any module a weight mask may reach, and which channels each one joins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import Tensor, nn

from netseams.core import SettingError
from netseams.models.sites import matrices_of
from netseams.models.transformer import Transformer

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


@dataclass(frozen=True)
class WeightMatrix:
    """A weight of two or more axes: outputs along one of them, inputs along another."""

    name: str
    """Of the parameter, as in `named_parameters`."""
    source: str
    """What its input channels are called; matrices of one source share them."""
    target: str
    """What its output channels are called."""
    out_axis: int = 0

    @property
    def in_axis(self) -> int:
        return 1 - self.out_axis

    def across(self, channels: Tensor, axis: int, ndim: int) -> Tensor:
        """(c,) seen along `axis` of a weight with `ndim` axes; it broadcasts to the weight."""
        shape = [1] * ndim
        shape[axis] = -1
        return channels.view(shape)

    def channels_of(self, mask: Tensor, axis: int) -> Tensor:
        """(c,) which channels along `axis` touch a true entry of a mask like the weight."""
        return mask.transpose(0, axis).flatten(1).any(dim=1)


def weight_matrices(module: nn.Module, patterns: Sequence[str] | None = None) -> list[WeightMatrix]:
    """The matrices that a mask may reach, in the order of `named_parameters`.

    By default the weights of linear and convolutional layers, without embeddings, unembedding,
    norms and biases: in our `Transformer` those of the blocks, elsewhere all but what
    `get_output_embeddings` names and what shares its memory with another parameter.

    Args:
        patterns: shell-style patterns of parameter names (`blocks.1.*`); they choose among all
            parameters of two or more axes.

    Raises:
        SettingError: a pattern fits none, no matrix is left, or one is tied or quantised.
    """
    every = dict(module.named_parameters())
    known = _layer_weights(module)
    if patterns is None:
        left_out = _shared(module) | _unembedding(module)
        chosen = [name for name in known if name not in left_out]
    else:
        chosen = []
        for pattern in patterns:
            fits = [n for n, p in every.items() if p.ndim >= 2 and fnmatchcase(n, pattern)]
            if not fits:
                raise SettingError(
                    f"no matrix of this module is called {pattern!r}; it has "
                    f"{', '.join(_few([n for n, p in every.items() if p.ndim >= 2]))}"
                )
            chosen += fits
        chosen = [name for name in every if name in set(chosen)]
    if not chosen:
        kinds = sorted({type(part).__name__ for part in module.modules()})
        raise SettingError(
            "a weight mask needs linear or convolutional layers with float weights; this module "
            f"is made of {', '.join(_few(kinds))}: name its matrices by patterns"
        )
    for name in chosen:
        _refuse_unfit(name, every[name], module)
    ours = (
        {m.parameter: m for m in matrices_of(module.cfg)} if isinstance(module, Transformer) else {}
    )
    return [
        WeightMatrix(name, ours[name].source, ours[name].target)
        if name in ours
        else WeightMatrix(name, f"{name}:in", f"{name}:out", known.get(name, 0))
        for name in chosen
    ]


def _layer_weights(module: nn.Module) -> dict[str, int]:
    """Name -> axis of the outputs, of all layers whose weights are matrices."""
    if isinstance(module, Transformer):
        return {m.parameter: 0 for m in matrices_of(module.cfg)}
    found: dict[str, int] = {}
    for prefix, part in module.named_modules():
        start = f"{prefix}." if prefix else ""
        if isinstance(part, (nn.Linear, *_CONVOLUTIONS)):
            found[f"{start}weight"] = 0
        elif (
            isinstance(part, _TRANSPOSED) or type(part).__name__ == "Conv1D"
        ):  # (in, out), as GPT-2
            found[f"{start}weight"] = 1
        elif isinstance(part, nn.MultiheadAttention) and part.in_proj_weight is not None:
            found[f"{start}in_proj_weight"] = 0
    return {name: found[name] for name, _ in module.named_parameters() if name in found}


def _shared(module: nn.Module) -> set[str]:
    """Parameters that go by several names."""
    names: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return {name for group in names.values() if len(group) > 1 for name in group}


def _unembedding(module: nn.Module) -> set[str]:
    """What Hugging Face models call their output embeddings."""
    ask = getattr(module, "get_output_embeddings", None)
    last = ask() if callable(ask) else None
    if not isinstance(last, nn.Module):
        return set()
    inside = {id(parameter) for parameter in last.parameters()}
    return {name for name, parameter in module.named_parameters() if id(parameter) in inside}


def _refuse_unfit(name: str, weight: Tensor, module: nn.Module) -> None:
    if not weight.is_floating_point():
        raise SettingError(
            f"{name} is stored as {weight.dtype}: a mask multiplies float weights, so load the "
            "model without quantisation"
        )
    if name in _shared(module):
        raise SettingError(
            f"{name} is tied to another parameter: a mask on it would act in both places, so "
            "leave it out or untie it first"
        )


def _few(names: Sequence[str]) -> list[str]:
    return [*names[:8], f"and {len(names) - 8} more"] if len(names) > 8 else list(names)


def touched_channels(
    matrices: Sequence[WeightMatrix], masks: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Source or target -> (width,) which of its channels touch a true entry of some mask."""
    found: dict[str, Tensor] = {}
    for m in matrices:
        for key, axis in ((m.target, m.out_axis), (m.source, m.in_axis)):
            channels = m.channels_of(masks[m.name], axis)
            found[key] = found[key] | channels if key in found else channels
    return found
