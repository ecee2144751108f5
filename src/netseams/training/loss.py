"""The loss of every arm: cross-entropy of next tokens."""

import torch.nn.functional as F
from torch import Tensor

from netseams.corpora import Batch
from netseams.corpora.base import IGNORED
from netseams.models import Transformer


def next_token_loss(model: Transformer, batch: Batch) -> Tensor:
    """Mean cross-entropy over targets that count, in nats."""
    return token_loss(model(batch.inputs), batch)


def token_loss(logits: Tensor, batch: Batch) -> Tensor:
    """The same, from logits (B, T, V)."""
    targets = batch.targets.flatten().to(logits.device)
    return F.cross_entropy(logits.flatten(0, 1), targets, ignore_index=IGNORED)
