"""Hooks at named sites in a Hugging Face model, which itself stays as it is."""

import contextlib
import copy
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netseams.core import ModelError, SettingError, seed_from
from netseams.models.adapters import Place, Weight
from netseams.models.adapters.resolve import module_at, oriented, resolve
from netseams.models.hooked_config import HookedConfig
from netseams.models.network import Network
from netseams.models.parts import Hook, take


class HookedModel(Network):
    """A Hugging Face model under our site names: tokens (B, T) -> logits (B, T, V), float32.

    Hooks see (B, T, width), or (B, T, heads, d_head), in the model's own precision. They are
    there for one forward pass and are taken out again, whatever happens.

    Args:
        module: the model, in evaluation mode.
        source: what to call it in a circuit's card.
        readout: last hidden states (B, T, D) -> logits (B, P, V), for a model without a head.

    Raises:
        UnknownNameError: no adapter for its `model_type`.
        ModelError: its modules are not those that the adapter names, or it is quantised, or its
            blocks share weights.
        SettingError: it is in training mode.
    """

    def __init__(
        self, module: nn.Module, source: str = "memory", readout: nn.Module | None = None
    ) -> None:
        super().__init__()
        if module.training:
            raise SettingError("the model is in training mode, with dropout: call its eval() first")
        self.module = module
        self.readout = readout
        cfg, places, weights = resolve(module, source)
        self.cfg: HookedConfig = cfg  # pyright: ignore[reportIncompatibleVariableOverride]
        self._places: dict[str, Place] = places
        self._weights: dict[str, Weight] = weights
        self._head = _head(module)
        self.training = False

    @property
    def asks(self) -> Literal["next", "masked", "class"]:
        """What its logits are about: the next token, the one under the mask, or the whole text."""
        if self._head is None:
            return "class"
        return "next" if self.cfg.causal else "masked"

    def site_names(self) -> list[str]:
        return list(self._places)

    def matrix(self, name: str) -> Float[Tensor, "out in"]:
        weight = self._weights[name]
        values = oriented(module_at(self.module, weight.module))
        return values if weight.packed is None else weight.packed.of(values, 0).flatten(0, 1)

    def forward(
        self,
        tokens: Int[Tensor, "B T"],
        hooks: Mapping[str, Hook] | None = None,
        answers: Int[Tensor, "B P"] | None = None,
    ) -> Float[Tensor, "B _ V"]:
        """Logits at every position, or only at `answers`; the sites always hold all positions.

        Raises:
            SettingError: more positions than n_ctx; a model without a head, and no read-out.
            ModelError: a site did not come by once, or in another shape than the adapter says.
        """
        found = self._run(tokens, hooks or {}, answers)
        if self._head is None and self.readout is None:
            raise SettingError("this model has no head: give it a read-out (with_nearest_mean)")
        return (found if self.readout is None else self.readout(found)).float()

    def hidden(
        self, tokens: Int[Tensor, "B T"], hooks: Mapping[str, Hook] | None = None
    ) -> Float[Tensor, "B T D"]:
        """The last hidden states of a model without a head."""
        return self._run(tokens, hooks or {}, None)

    def untrained_twin(self, seed: int) -> "HookedModel":
        """A model of the same config, its weights drawn anew by its own initialisation.

        A read-out is not taken over: it belongs to the weights that it was fitted on.
        """
        like = next(self.module.parameters())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_from(seed, "init"))
            config: Any = copy.deepcopy(self.module.config)
            twin = type(self.module)(config)
        return HookedModel(twin.to(like.device, like.dtype).eval(), self.cfg.source)

    def _run(self, tokens: Tensor, hooks: Mapping[str, Hook], answers: Tensor | None) -> Tensor:
        if tokens.shape[1] > self.cfg.n_ctx:
            raise SettingError(f"{tokens.shape[1]} positions, but n_ctx is {self.cfg.n_ctx}")
        tokens, met = tokens.to(self.device), Counter[str]()
        options = {"use_cache": False} if self.cfg.causal else {}
        with contextlib.ExitStack() as stack:
            for name, hook in hooks.items():
                stack.enter_context(self._hooked(name, hook, tuple(tokens.shape), met))
            if answers is not None and self._head is not None:
                stack.enter_context(_only_at(self._head, answers.to(self.device)))
            out = self.module(input_ids=tokens, return_dict=True, **options)
        if wrong := [name for name in hooks if met[name] != 1]:
            raise ModelError(
                f"site {wrong[0]} ({self._places[wrong[0]].module}) came by {met[wrong[0]]} times "
                "in one forward pass, expected once: this adapter does not fit this model"
            )
        if self._head is not None:
            return out.logits
        return out.last_hidden_state

    @contextlib.contextmanager
    def _hooked(
        self, name: str, hook: Hook, shape: tuple[int, ...], met: Counter[str]
    ) -> Iterator[None]:
        place = self._places[name]
        module = module_at(self.module, place.module)

        def replaced(found: Any) -> Tensor:
            met[name] += 1
            x = found if isinstance(found, Tensor) else None
            if x is None or tuple(x.shape[:-1]) != shape:
                came = type(found).__name__ if x is None else tuple(x.shape)
                raise ModelError(
                    f"site {name} ({place.side} of {place.module}) should be a tensor of "
                    f"{shape} by {place.shape}, came {came}: this adapter does not fit this model"
                )
            last = x.ndim - 1
            if place.packed is not None:
                return place.packed.put(x, hook(place.packed.of(x, last)), last)
            return hook(x.unflatten(last, place.shape)).reshape(x.shape)

        def before(_: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
            return (replaced(given[0] if given else None), *given[1:])

        def after(_: nn.Module, __: Any, output: Any) -> Tensor:
            return replaced(output)

        handle = (
            module.register_forward_pre_hook(before)
            if place.side == "input"
            else module.register_forward_hook(after)
        )
        try:
            yield
        finally:
            handle.remove()


@contextlib.contextmanager
def _only_at(head: nn.Module, answers: Int[Tensor, "B P"]) -> Iterator[None]:
    """Logits are computed at these positions alone: vocabularies are large."""
    handle = head.register_forward_pre_hook(lambda _, given: (take(given[0], answers),))
    try:
        yield
    finally:
        handle.remove()


def _head(module: Any) -> nn.Module | None:
    try:
        return module.get_output_embeddings()
    except NotImplementedError:
        return None
