"""Any module under masked weights, without a change to it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from netseams.discovery.objectives import Run
from netseams.discovery.units import Units


class Masked:
    """Runs `module` with some weights multiplied by masks; gradients reach the masks alone."""

    def __init__(self, module: nn.Module, units: Units) -> None:
        self._module, self._units = module, units
        self._frozen = {name: p.detach() for name, p in module.named_parameters()}

    @property
    def base(self) -> Run:
        """The module as it is."""
        return self._run(dict)

    def only(self, gates: Float[Tensor, " G"]) -> Run:
        """Of the masked matrices, what open gates hold; differentiable in the gates."""

        def weights() -> dict[str, Tensor]:
            masks = self._units.masks(gates)
            return {name: self._frozen[name] * mask for name, mask in masks.items()}

        return self._run(weights)

    def without(self, gates: Float[Tensor, " G"]) -> Run:
        """What is left when open gates are shut and shut ones opened."""
        return self.only(1 - gates)

    def _run(self, weights: Callable[[], dict[str, Tensor]]) -> Run:
        """Weights are made at the first call and shared by the following ones."""
        state: dict[str, Tensor] = {}

        def run(*args: Any, **kwargs: Any) -> Any:
            if not state:
                state.update(self._frozen | weights())
            return functional_call(self._module, state, args, kwargs)

        return run


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Dropout off, running statistics used and left alone; every part's mode is put back."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
