"""Maps in closed form: the ridge solution of the first loss, and constants. Both are controls."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from netseams.core import generator
from netseams.corpora import Corpus
from netseams.models import Transformer
from netseams.models.bridge import Bridges, bridge_shape, run_from, set_maps

Map = tuple[Float[Tensor, "out in"], Float[Tensor, " out"]]


def ridge_bridges(
    dense: Transformer,
    sparse: Transformer,
    corpus: Corpus,
    ridge: float = 1e-3,
    encoder_density: float | None = None,
    n_sequences: int = 512,
) -> Bridges:
    """Each map fitted by itself to its own squared error (AbsTopK is not seen by the fit).

    Args:
        ridge: penalty, as a share of the mean variance of a source channel.
        n_sequences: training sequences, rounded down to whole batches of 64, one at least.
    """
    sums = _moments(dense, sparse, corpus, n_sequences)
    shape = bridge_shape(dense.cfg, sparse.cfg, encoder_density)
    encoders: list[Map] = []
    decoders: list[Map] = []
    for dd, ds, ss, d, s in sums:
        encoders.append(_solve(dd, ds, d, s, ridge))
        decoders.append(_solve(ss, ds.T, s, d, ridge))
    return set_maps(Bridges(shape).to(dense.device), encoders, decoders)


def constant_bridges(
    dense: Transformer, sparse: Transformer, corpus: Corpus, n_sequences: int = 512
) -> Bridges:
    """Maps that forget their input and give the mean residual of the other network."""
    sums = _moments(dense, sparse, corpus, n_sequences)
    shape = bridge_shape(dense.cfg, sparse.cfg)
    encoders = [(torch.zeros(shape.d_sparse, shape.d_dense), s.float()) for *_, s in sums]
    decoders = [(torch.zeros(shape.d_dense, shape.d_sparse), d.float()) for *_, d, _ in sums]
    return set_maps(Bridges(shape).to(dense.device), encoders, decoders)


Moments = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""Covariances dense-dense, dense-sparse, sparse-sparse, and both means, in float64."""


def _moments(
    dense: Transformer, sparse: Transformer, corpus: Corpus, n_sequences: int
) -> list[Moments]:
    n = 0
    totals: list[Moments] = []
    with torch.no_grad():
        for pairs in _residual_pairs(dense, sparse, corpus, n_sequences):
            n += len(pairs[0][0])
            rows = [(d.T @ d, d.T @ s, s.T @ s, d.sum(0), s.sum(0)) for d, s in pairs]
            totals = [_sum(old, new) for old, new in zip(totals, rows, strict=False)] or rows
    return [_centred(total, n) for total in totals]


def _sum(a: Moments, b: Moments) -> Moments:
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4])


def _centred(sums: Moments, n: int) -> Moments:
    dd, ds, ss, d, s = (total / n for total in sums)
    return (dd - d.outer(d), ds - d.outer(s), ss - s.outer(s), d, s)


def _residual_pairs(
    dense: Transformer, sparse: Transformer, corpus: Corpus, n_sequences: int
) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Per batch, the residuals of both networks at every bridge site as (tokens, width)."""
    draws = generator("bridge maps", corpus.name)
    length = min(dense.cfg.n_ctx, sparse.cfg.n_ctx)
    for _ in range(max(1, n_sequences // 64)):
        inputs = corpus.batch("train", 64, length, draws).inputs
        _, ours = run_from(dense, inputs)
        _, theirs = run_from(sparse, inputs)
        yield [(ours[i].flatten(0, 1).double(), theirs[i].flatten(0, 1).double()) for i in ours]


def _solve(xx: Tensor, xy: Tensor, x: Tensor, y: Tensor, ridge: float) -> Map:
    """Weight (out, in) and bias of the ridge solution from centred moments."""
    penalty = (ridge * xx.diagonal().mean()).clamp(min=1e-12)  # a constant has no variance
    weight = torch.linalg.solve(
        xx + penalty * torch.eye(len(xx), dtype=xx.dtype, device=xx.device), xy
    ).T
    return weight.float(), (y - weight @ x).float()
