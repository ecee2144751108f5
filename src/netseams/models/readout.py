"""A read-out for encoders without a head: which class mean is nearest to the text's embedding?"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from netseams.models.hooked import HookedModel

SCALE = 20.0
"""Cosines are multiplied by it, as sentence encoders are trained (sentence-transformers'
multiple-negatives ranking loss)."""


class NearestMean(nn.Module):
    """Logits of C classes: `SCALE` times the cosine of mean-pooled embedding and class mean.

    Embeddings and class means are taken relative to the mean of all classes.
    """

    def __init__(self, means: Float[Tensor, "C D"]) -> None:
        super().__init__()
        self.register_buffer("middle", means.mean(dim=0))
        self.register_buffer("directions", F.normalize(means - means.mean(dim=0), dim=-1))
        self.middle: Tensor
        self.directions: Tensor

    def forward(self, hidden: Float[Tensor, "B T D"]) -> Float[Tensor, "B 1 C"]:
        away = F.normalize(pooled(hidden) - self.middle, dim=-1)
        return SCALE * (away @ self.directions.T).unsqueeze(1)


def pooled(hidden: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
    """A text's embedding: the mean over all its tokens, in single precision."""
    return hidden.float().mean(dim=1)


def with_nearest_mean(
    model: HookedModel, tokens: Int[Tensor, "R T"], classes: Int[Tensor, "R 1"]
) -> HookedModel:
    """The same model with a read-out whose class means are those of these rows.

    They are fitted once, on the whole network, and stay what they are under every mask.
    """
    with torch.no_grad():
        embeddings = pooled(model.hidden(tokens))
    labels = classes.flatten().to(embeddings.device)
    means = torch.stack([embeddings[labels == c].mean(dim=0) for c in labels.unique()])
    return HookedModel(model.module, model.cfg.source, NearestMean(means))
