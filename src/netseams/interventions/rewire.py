"""Networks that look like a given one and never learned: controls for every circuit."""

from typing import overload

import torch

from netseams.core import generator
from netseams.masks import keep_largest_
from netseams.models import HookedModel, Network, Transformer


@overload
def untrained_twin(model: Transformer, seed: int) -> Transformer: ...
@overload
def untrained_twin(model: HookedModel, seed: int) -> HookedModel: ...
@overload
def untrained_twin(model: Network, seed: int) -> Network: ...
def untrained_twin(model: Network, seed: int) -> Network:
    """A fresh network of the same shape, with as many non-zero weights in every matrix.

    The bigram table starts at zero, as it does before training. Models of Hugging Face are drawn
    anew by their own initialisation, every weight of them.
    """
    if isinstance(model, HookedModel):
        return model.untrained_twin(seed)
    assert isinstance(model, Transformer)
    twin = Transformer(model.cfg, seed)
    trained = dict(model.named_parameters())
    with torch.no_grad():
        for name, parameter in twin.named_parameters():
            kept = int(torch.count_nonzero(trained[name]))
            if parameter.ndim >= 2 and kept < parameter.numel():
                keep_largest_(parameter.data, kept)
    return twin.to(model.device)


def redrawn_on_support(model: Transformer, seed: int) -> Transformer:
    """The same non-zero places and the same values in every tensor, dealt out anew.

    What survives this is owed to sparsity pattern and weight scale, not to learned values.
    """
    twin = Transformer(model.cfg, 0)
    twin.load_state_dict(model.state_dict())
    draws = generator(seed, "redraw")
    with torch.no_grad():
        for parameter in twin.parameters():
            flat = parameter.data.view(-1)
            places = flat.nonzero().squeeze(1)
            flat[places] = flat[places[torch.randperm(len(places), generator=draws)]]
    return twin.to(model.device)
