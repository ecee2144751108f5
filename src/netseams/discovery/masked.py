"""Any module under masked weights, without a change to it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call

from netseams.discovery.objectives import Run


class Masked:
    """Runs `module` with some weights multiplied by masks; gradients reach the masks alone."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._frozen = {name: p.detach() for name, p in module.named_parameters()}

    @property
    def base(self) -> Run:
        """The module as it is."""
        return self._run(dict)

    def only(self, masks: Mapping[str, Tensor]) -> Run:
        """Of the masked matrices, what the masks keep."""
        return self._run(lambda: {n: self._frozen[n] * mask for n, mask in masks.items()})

    def without(self, masks: Mapping[str, Tensor]) -> Run:
        """Of the masked matrices, what the masks leave."""
        return self._run(lambda: {n: self._frozen[n] * (1 - mask) for n, mask in masks.items()})

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
