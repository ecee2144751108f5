"""Hybrids: does the text still come out when two networks take turns, joined by bridges?

The 2 L sites of a network of L layers cut it into 2 L + 1 segments: the embedding, and every
attention and MLP, the last one with the unembedding. A hybrid chooses a network for each, and
every change of network crosses one bridge. arXiv 2511.13653 (section 2.3) calls its losses a
first-order stand-in for all hybrids and measures none.
"""

from collections.abc import Iterator, Mapping
from itertools import product

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netseams.core import Config, SettingError, generator
from netseams.corpora import Corpus
from netseams.corpora.base import Split
from netseams.models import Transformer
from netseams.models.bridge import Bridges, Side, run_from
from netseams.training.loss import token_loss

MAX_HYBRIDS = 64
"""Up to so many, all are measured; beyond, those of one switch and a random sample."""
_LETTER: dict[str, Side] = {"d": "dense", "s": "sparse"}


class Hybrid(Config):
    """One hybrid on held-out text."""

    segments: str
    """One letter a segment, in forward order: `d`ense or `s`parse."""
    loss: float
    """Next-token loss, in nats."""

    @property
    def switches(self) -> int:
        return sum(a != b for a, b in zip(self.segments, self.segments[1:], strict=False))


class HybridLosses(Config):
    """Both networks and their hybrids on the same text."""

    dense: float
    sparse: float
    hybrids: tuple[Hybrid, ...]
    """Those with a switch."""
    every: bool
    """Whether these are all that there are."""

    @property
    def mean_excess(self) -> float:
        """Mean loss of the hybrids above that of the better network, in nats."""
        losses = [hybrid.loss for hybrid in self.hybrids]
        return sum(losses) / len(losses) - min(self.dense, self.sparse)


def unfaithfulness(found: HybridLosses, constant: HybridLosses) -> float:
    """Mean excess of hybrids over that of the same hybrids with constant maps.

    0: crossing a bridge costs nothing. 1: it costs as much as to replace the residual by its
    mean. Ours; the paper gives no number.

    Raises:
        SettingError: other hybrids, or a constant that costs nothing.
    """
    if [h.segments for h in found.hybrids] != [h.segments for h in constant.hybrids]:
        raise SettingError("unfaithfulness compares the same hybrids under two sets of maps")
    if constant.mean_excess <= 0:
        raise SettingError(
            "constant maps cost nothing here, so there is nothing that a bridge could save: "
            "use networks that have learned something"
        )
    return found.mean_excess / constant.mean_excess


def hybrid_segments(
    n_layers: int, n_sample: int = MAX_HYBRIDS, seed: int = 0
) -> tuple[list[str], bool]:
    """The hybrids to measure, both plain networks first, and whether they are all.

    All 2^(2 L + 1) where these are at most `MAX_HYBRIDS`; else those of one switch and
    `n_sample` different ones of more switches.
    """
    n = 2 * n_layers + 1
    plain = ["d" * n, "s" * n]
    if 2**n <= MAX_HYBRIDS:
        rest = ["".join(letters) for letters in product("ds", repeat=n)]
        return plain + [s for s in rest if s not in plain], True
    single = [a * k + b * (n - k) for k in range(1, n) for a, b in ("ds", "sd")]
    draws = generator(seed, "hybrids")
    sample: dict[str, None] = {}
    while len(sample) < n_sample:
        bits = torch.randint(0, 2, (n,), generator=draws).tolist()
        letters = "".join("ds"[bit] for bit in bits)
        if letters not in plain and letters not in single:
            sample[letters] = None
    return [*plain, *single, *sample], False


def hybrid_losses(
    bridges: Bridges,
    dense: Transformer,
    sparse: Transformer,
    corpus: Corpus,
    split: Split = "test",
    n_sequences: int = 128,
    seed: int = 0,
) -> HybridLosses:
    """Next-token loss of hybrids on fixed held-out windows.

    Args:
        n_sequences: rounded down to whole batches of 64, one at least.
        seed: of the sample of hybrids, where there are too many.

    Raises:
        SettingError: bridges and networks do not fit together.
    """
    bridges.check(dense, sparse)
    wanted, every = hybrid_segments(dense.cfg.n_layers, seed=seed)
    draws = generator("hybrids", split)
    length = min(dense.cfg.n_ctx, sparse.cfg.n_ctx)
    totals = dict.fromkeys(wanted, 0.0)
    n_batches = max(1, n_sequences // 64)
    with torch.no_grad():
        for _ in range(n_batches):
            batch = corpus.batch(split, 64, length, draws)
            for segments, logits in hybrid_logits(bridges, dense, sparse, batch.inputs, wanted):
                totals[segments] += token_loss(logits, batch).item() / n_batches
    first, second, *rest = wanted
    return HybridLosses(
        dense=totals[first],
        sparse=totals[second],
        hybrids=tuple(Hybrid(segments=s, loss=totals[s]) for s in rest),
        every=every,
    )


def hybrid_logits(
    bridges: Bridges,
    dense: Transformer,
    sparse: Transformer,
    tokens: Int[Tensor, "B T"],
    wanted: list[str],
) -> Iterator[tuple[str, Float[Tensor, "B T V"]]]:
    """Logits of the wanted hybrids, one pass of one network each.

    A hybrid shares all but its last stretch with the hybrid that does not switch there; that one
    is run first and its residuals are handed on.
    """
    models: dict[Side, Transformer] = {"dense": dense, "sparse": sparse}
    remaining = set(wanted)
    needed = {ancestor for segments in wanted for ancestor in _ancestors(segments)}

    def grow(
        segments: str, start: int | None, residual: Tensor | None
    ) -> Iterator[tuple[str, Float[Tensor, "B T V"]]]:
        logits, residuals = run_from(models[_LETTER[segments[-1]]], tokens, start, residual)
        if segments in remaining:
            yield segments, logits
        other = "d" if segments[-1] == "s" else "s"
        for site in range(0 if start is None else start + 1, len(segments) - 1):
            child = segments[: site + 1] + other * (len(segments) - site - 1)
            if child in needed:
                carried = bridges.cross(_LETTER[other], site, residuals[site])
                yield from grow(child, site, carried)

    n = len(wanted[0])
    for letter in "ds":
        if letter * n in needed:
            yield from grow(letter * n, None, None)


def _ancestors(segments: str) -> list[str]:
    """The hybrid itself and those before it: equal up to a switch, then without any."""
    switches = [i for i in range(1, len(segments)) if segments[i] != segments[i - 1]]
    return [segments] + [segments[:i] + segments[i - 1] * (len(segments) - i) for i in switches]


def mean_loss_by_switches(found: HybridLosses) -> Mapping[int, float]:
    """Number of switches -> mean loss of its hybrids, in nats."""
    groups: dict[int, list[float]] = {}
    for hybrid in found.hybrids:
        groups.setdefault(hybrid.switches, []).append(hybrid.loss)
    return {n: sum(losses) / len(losses) for n, losses in sorted(groups.items())}
