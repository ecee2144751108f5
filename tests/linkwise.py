"""Links between components removed in the slowest way, in double precision: one read at a time.

Written from the definitions alone, to hold the stated truths of planted networks against.
"""

import copy
import itertools
import math

import torch
from torch import Tensor

from netseams.core import generator

Link = tuple[str, str]


def links_of(cfg) -> list[Link]:
    """Every link that the architecture has."""
    sources, found = ["input"], []
    for i in range(cfg.n_layers):
        heads = [f"a{i}.h{h}" for h in range(cfg.n_heads)]
        found += [(s, f"{head}<{letter}>") for head in heads for letter in "qkv" for s in sources]
        sources += heads
        found += [(s, f"m{i}") for s in sources]
        sources.append(f"m{i}")
    return found + [(s, "logits") for s in sources]


def run(model, tokens, removed: dict[Link, Tensor], values: dict[str, Tensor]):
    """Logits and the output of every source, links in `removed` carrying `values`.

    Args:
        removed: link -> (rows,) of 1 where it is removed in that row, else 0.
    """
    cfg = model.cfg
    n, length = tokens.shape
    outputs = {"input": model.embed(tokens)}
    if model.pos_embed is not None:
        outputs["input"] = outputs["input"] + model.pos_embed.weight[:length]

    def stream(target: str) -> Tensor:
        total = 0
        for source, output in outputs.items():
            if (source, target) in removed:
                gone = removed[source, target].view(n, 1, 1)
                output = output * (1 - gone) + values[source] * gone
            total = total + output
        return total

    width = cfg.d_head
    seen = torch.ones(length, length, dtype=torch.bool)
    seen = seen.tril() if cfg.causal else seen
    for i, block in enumerate(model.blocks):
        new = {}
        for h in range(cfg.n_heads):
            rows = slice(h * width, (h + 1) * width)
            q, k, v = (
                block.ln1(stream(f"a{i}.h{h}<{letter}>")) @ linear.weight[rows].T
                + linear.bias[rows]
                for letter, linear in zip(
                    "qkv", (block.attn.q, block.attn.k, block.attn.v), strict=True
                )
            )
            scores = (q @ k.transpose(1, 2) / math.sqrt(width)).masked_fill(~seen, -torch.inf)
            new[f"a{i}.h{h}"] = scores.softmax(2) @ v @ block.attn.out.weight[:, rows].T
        assert not block.attn.out.bias.any()  # it would belong to no head
        outputs |= new
        up = block.ln2(stream(f"m{i}")) @ block.mlp.up.weight.T + block.mlp.up.bias
        hidden = torch.relu(up) if cfg.activation == "relu" else torch.nn.functional.gelu(up)
        outputs[f"m{i}"] = hidden @ block.mlp.down.weight.T + block.mlp.down.bias
    logits = model.ln_final(stream("logits")) @ model.unembed.weight.T
    return logits if model.unembed.bias is None else logits + model.unembed.bias, outputs


class Linkwise:
    """One model on the first rows of one task, ready to lose links."""

    def __init__(self, planted, task, kind: str, n_pairs: int = 6) -> None:
        self.model = copy.deepcopy(planted.model).double().requires_grad_(False)
        self.task, self.kind = task, kind
        examples = task.splits["report"]
        one, other = examples.clean[:n_pairs], examples.corrupt[:n_pairs]
        self.tokens, partners = torch.cat([one, other]), torch.cat([other, one])
        self.targets = torch.cat(
            [examples.clean_targets[:n_pairs], examples.corrupt_targets[:n_pairs]]
        )
        if kind == "resample":
            self.values = run(self.model, partners, {}, {})[1]
        else:
            drawn = planted.corpus.batch("train", 256, 0, generator("means")).inputs
            sources = run(self.model, drawn, {}, {})[1]
            mean = 1.0 if kind == "mean" else 0.0
            self.values = {
                name: (mean * x.mean((0, 1))).expand(len(self.tokens), self.tokens.shape[1], -1)
                for name, x in sources.items()
            }
        self.logits, _ = run(self.model, self.tokens, {}, {})
        self.loss = self.losses(self.logits)

    def losses(self, logits: Tensor) -> Tensor:
        """(rows, answers): nats of the right answer among the candidates."""
        chosen = logits[:, self.task.answers][..., self.task.candidates]
        targets = self.targets.repeat(len(logits) // len(self.targets), 1)
        return -chosen.log_softmax(-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)

    def without(self, sets: list[set[Link]]) -> Tensor:
        """For every set of links, how much more the worst answer costs without them."""
        found = []
        every = sorted(set().union(*sets))
        for start in range(0, len(sets), 256):
            part = sets[start : start + 256]
            n, rows = len(part), len(self.tokens)
            removed = {
                link: torch.tensor([float(link in s) for s in part]).repeat_interleave(rows)
                for link in every
            }
            values = {name: v.repeat(n, 1, 1) for name, v in self.values.items()}
            logits, _ = run(self.model, self.tokens.repeat(n, 1), removed, values)
            more = self.losses(logits).view(n, rows, -1) - self.loss
            found.append(more.amax((1, 2)))
        return torch.cat(found)

    def necessary(self, tolerance: float) -> frozenset[Link]:
        every = links_of(self.model.cfg)
        costs = self.without([{link} for link in every])
        return frozenset(
            link for link, c in zip(every, costs.tolist(), strict=True) if c > tolerance
        )

    def sufficient(
        self, candidates: list[Link], tolerance: float, at_most: int
    ) -> list[frozenset[Link]]:
        """Minimal sets of `at_most` candidates that do the task when all others are removed."""
        every = set(links_of(self.model.cfg))
        kept = [
            frozenset(chosen)
            for size in range(min(at_most, len(candidates)) + 1)
            for chosen in itertools.combinations(candidates, size)
        ]
        costs = self.without([every - k for k in kept]).tolist()
        minimal: list[frozenset[Link]] = []
        for links, cost in zip(kept, costs, strict=True):
            if cost <= tolerance and not any(m <= links for m in minimal):
                minimal.append(links)
        return minimal
