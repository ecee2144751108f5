"""Two networks that another compiler made: tracr (arXiv 2301.05062), as its weights.

The tensors in `data/` were exported from tracr 1.0.0: its `reverse` over {1, 2, 3} and its share of
x so far over {w, x, y, z}, both with at most five symbols behind BOS; attention sees both ways
and there are no norms. The logits are ours, scaled so that answers are sure: tracr reads the
largest of three channels, times 12 here, and a share, here against a threshold of 0.45.
On all 363 strings for `reverse`, and on 640 for the share, outputs equal those of tracr itself.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from netseams.circuits import Link
from netseams.models import Transformer, load_model, matrices_of
from netseams.planted.base import (
    Planted,
    PlantedCorpus,
    Truth,
    WeightEdge,
    every_site,
    links,
    one_circuit,
    pair_task,
)
from netseams.tasks import Task

_DATA = Path(__file__).parent / "data"
Links = frozenset[Link]


def tracr_reverse() -> Planted:
    """Length by attention, three MLPs of arithmetic, and a head that fetches the symbol.

    2 of 13 links count under `resample`, as length and positions are the same in both inputs of a
    pair. Under `zero` strings of four need 10, the longest 8: an unknown length is taken for the
    longest. Under `mean` 10 and 8 are missed alone, and fewer suffice together: nobody misses the
    query of a head that is not heard.
    """
    model = load_model(_DATA / "tracr_reverse.safetensors")
    bos, symbols = 3, [0, 1, 2]
    corpus = _corpus("tracr_reverse", ("1", "2", "3", "BOS", "pad"), bos, symbols, 5)
    tasks = tuple(
        _task(f"reverse_{n}", "the string backwards", corpus, bos, symbols, n, symbols,
              lambda x: x[:, 1:].flip(1))
        for n in (4, 5)
    )  # fmt: skip
    every = links(
        "input -> a0.h0<qkv>", "a0.h0 -> m0", "input -> m0", "m0 -> m1", "input -> m1",
        "m1 -> m2", "m2 -> a3.h0<q>", "input -> a3.h0<qkv>", "a3.h0 -> logits",
    )  # fmt: skip
    changed = links("input -> a3.h0<v>", "a3.h0 -> logits")
    zero = every - links("input -> a0.h0<qk>", "input -> a3.h0<q>")
    mean = every - links("input -> a0.h0<k>", "input -> a3.h0<q>", "input -> m0")
    longest_zero = zero - links("a0.h0 -> m0", "input -> a0.h0<v>")
    longest_mean = mean - links("input -> a0.h0<v>", "m0 -> m1")
    truths = {
        "reverse_4": _truth(model, every, zero, changed, mean, mean - links("input -> a0.h0<q>")),
        "reverse_5": _truth(
            model,
            every,
            longest_zero,
            changed,
            longest_mean,
            longest_mean - links("input -> a0.h0<q>", "a0.h0 -> m0"),
        ),
    }
    about = "compiled by tracr: length, arithmetic, and a head that fetches the symbol"
    return Planted("tracr_reverse", about, model, corpus, tasks, truths)


def tracr_fraction() -> Planted:
    """An MLP marks x, a head takes the mean of the marks so far."""
    model = load_model(_DATA / "tracr_fraction.safetensors")
    bos, symbols = 0, [2, 3, 4, 5]
    corpus = _corpus("tracr_fraction", ("BOS", "pad", *"wxyz"), bos, symbols, 5)
    task = _task(
        "fraction", "is more than 0.45 of what came so far x?", corpus, bos, symbols, 5, [2, 3],
        lambda x: ((x[:, 1:] == 3).cumsum(1) / torch.arange(1, x.shape[1]) > 0.45).long(),
    )  # fmt: skip
    every = links("input -> m0", "m0 -> a1.h0<v>", "input -> a1.h0<qk>", "a1.h0 -> logits")
    truth = _truth(model, every, every, every - links("input -> a1.h0<qk>"), every)
    about = "compiled by tracr: an MLP marks x, a head averages"
    return Planted("tracr_fraction", about, model, corpus, (task,), {"fraction": truth})


def _truth(
    model: Transformer,
    every: Links,
    zero: Links,
    resample: Links,
    mean: Links,
    mean_circuit: Links | None = None,
) -> Truth:
    """Every weight that is not zero was set for the program, and what it joins."""
    weights: set[WeightEdge] = set()
    nodes: dict[str, set[int]] = {
        "ln_final.hook_normalized": set(model.unembed.weight.any(0).nonzero().squeeze(1).tolist())
    }
    for matrix in matrices_of(model.cfg):
        for target, source in model.get_parameter(matrix.parameter).nonzero().tolist():
            weights.add((matrix.parameter, target, source))
            nodes.setdefault(matrix.target, set()).add(target)
            nodes.setdefault(matrix.source, set()).add(source)
    necessary, circuits = one_circuit(zero, resample, mean)
    if mean_circuit is not None:
        circuits["mean"] = (mean_circuit,)
    return Truth(necessary, circuits, every, every_site(model.cfg, nodes), frozenset(weights))


def _draw(
    bos: int, symbols: list[int], n: int
) -> Callable[[int, torch.Generator], Int[Tensor, "size n_and_bos"]]:
    def draw(size: int, draws: torch.Generator) -> Tensor:
        picks = torch.randint(0, len(symbols), (size, n), generator=draws)
        return torch.cat([torch.full((size, 1), bos), torch.tensor(symbols)[picks]], dim=1)

    return draw


def _corpus(
    name: str, texts: tuple[str, ...], bos: int, symbols: list[int], n: int
) -> PlantedCorpus:
    return PlantedCorpus(name, texts, _draw(bos, symbols, n))


def _task(
    name: str, question: str, corpus: PlantedCorpus, bos: int, symbols: list[int], n: int,
    candidates: list[int], solve: Callable[[Tensor], Tensor],
) -> Task:  # fmt: skip
    draw = _draw(bos, symbols, n)
    return pair_task(
        name, corpus, question, candidates, list(range(1, n + 1)),
        lambda size, draws: (draw(size, draws), draw(size, draws)), solve,
    )  # fmt: skip
