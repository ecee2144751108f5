"""The three families of losses of arXiv 2511.13653, section 2.3, one value a bridge site."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from netseams.corpora import Batch
from netseams.corpora.base import IGNORED
from netseams.models import Transformer
from netseams.models.bridge import Bridges, run_from
from netseams.training.bridge_config import BridgeConfig, Normalizer
from netseams.training.loss import token_loss


@dataclass(frozen=True)
class BridgeLosses:
    """One value a site; divergences in nats a position that counts."""

    encode_nmse: Float[Tensor, " sites"]
    decode_nmse: Float[Tensor, " sites"]
    sparse_tail_kl: Float[Tensor, " sites"]
    """KL(dense || sparse network from an encoded dense residual onward)."""
    dense_tail_kl: Float[Tensor, " sites"]
    """KL(dense || dense network from a decoded sparse residual onward)."""
    dense_ce: Float[Tensor, ""]
    """Next-token loss of the dense network on the batch."""
    sparse_ce: Float[Tensor, ""]

    def total(self, config: BridgeConfig) -> Float[Tensor, ""]:
        """What training minimises: weighted sums over sites, and the loss of what learns."""
        loss = (
            config.nmse_weight * (self.encode_nmse.sum() + self.decode_nmse.sum())
            + config.sparse_tail_weight * self.sparse_tail_kl.sum()
            + config.dense_tail_weight * self.dense_tail_kl.sum()
        )
        if config.sparse is not None:
            loss = loss + self.sparse_ce
        return loss if config.dense is None else loss + self.dense_ce


def bridge_losses(
    bridges: Bridges,
    dense: Transformer,
    sparse: Transformer,
    batch: Batch,
    normalizer: Normalizer = "variance",
) -> BridgeLosses:
    """Every loss on one batch. The dense network's answer is a target, not a learner.

    Residuals are compared at all positions, answers where the batch has a target.
    """
    dense_logits, dense_residuals = run_from(dense, batch.inputs)
    counted = (batch.targets != IGNORED).to(dense_logits.device)
    sparse_logits, sparse_residuals = run_from(sparse, batch.inputs)
    teacher = dense_logits.detach()
    rows: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for site in range(bridges.shape.n_sites):
        encoded = bridges.encode(site, dense_residuals[site])
        decoded = bridges.decode(site, sparse_residuals[site])
        rows.append(
            (
                nmse(encoded, sparse_residuals[site], normalizer),
                nmse(decoded, dense_residuals[site], normalizer),
                divergence(teacher, run_from(sparse, batch.inputs, site, encoded)[0], counted),
                divergence(teacher, run_from(dense, batch.inputs, site, decoded)[0], counted),
            )
        )
    columns = [torch.stack(column) for column in zip(*rows, strict=True)]
    return BridgeLosses(
        *columns,
        dense_ce=token_loss(dense_logits, batch),
        sparse_ce=token_loss(sparse_logits, batch),
    )


def nmse(
    predicted: Float[Tensor, "B T D"], target: Float[Tensor, "B T D"], normalizer: Normalizer
) -> Float[Tensor, ""]:
    """Squared error over the target's own: about its mean position (`variance`) or about zero."""
    about = target.mean(dim=(0, 1)) if normalizer == "variance" else torch.zeros_like(target[0, 0])
    return (predicted - target).square().sum() / (target - about).square().sum()


def divergence(
    teacher: Float[Tensor, "B T V"], student: Float[Tensor, "B T V"], counted: Bool[Tensor, "B T"]
) -> Float[Tensor, ""]:
    """KL(teacher || student) over the vocabulary, mean over the positions that count, in nats."""
    p, q = teacher[counted].log_softmax(-1), student[counted].log_softmax(-1)
    return (p.exp() * (p - q)).sum(-1).mean()
