"""First-order attribution: what would ablating each node alone cost, by the slope of its gate?"""

from collections.abc import Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netseams.discovery.body import Body
from netseams.discovery.layout import Layout
from netseams.discovery.search import answer_losses
from netseams.models import Network
from netseams.tasks import Task


def node_effects(
    model: Network,
    task: Task,
    means: Mapping[str, Tensor],
    tokens: Int[Tensor, "R T"],
    targets: Int[Tensor, "R P"],
) -> Float[Tensor, "R N"]:
    """Rise of every row's task loss, in nats, were one node replaced by its mean.

    To first order: -dL/dgate at gates of one, which is the sum over positions of
    dL/dx (mean - x) (attribution patching, arXiv 2310.10348, with a mean in the place of the
    corrupt activation). Every row gets gates of its own, so one backward pass serves all.

    Returns:
        (rows, nodes of all sites in forward order).
    """
    layout = Layout(model.cfg)
    device = next(iter(means.values())).device
    gates = torch.ones(len(tokens), layout.n_nodes, device=device, requires_grad=True)
    by_site = layout.by_site(gates)
    losses = answer_losses(Body(model, means), task, tokens.to(device), targets.to(device), by_site)
    (slope,) = torch.autograd.grad(losses.sum(), [gates])
    return -slope
