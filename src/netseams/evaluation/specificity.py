"""Specificity: without the circuit, do the other tasks survive?"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from netseams.circuits import Circuit
from netseams.core import generator
from netseams.corpora import Corpus
from netseams.corpora.base import IGNORED
from netseams.evaluation.left import left
from netseams.evaluation.score import Score, score
from netseams.interventions import AblationKind, masked_hooks, with_weights
from netseams.models import Transformer
from netseams.tasks import Task


def removal_scores(
    circuit: Circuit,
    model: Transformer,
    tasks: Sequence[Task],
    ablation: AblationKind,
    means: Mapping[str, Tensor],
) -> list[Score]:
    """Scores of every task on its report split with the circuit ablated: one matrix row."""
    circuit.check_model(model)
    nodes, weights = left(circuit, model, "without", ablation)
    return [score(model, task, "report", nodes, ablation, means, weights=weights) for task in tasks]


def next_token_rise(
    circuit: Circuit, model: Transformer, corpus: Corpus, means: Mapping[str, Tensor]
) -> float:
    """Rise of the next-token loss on 128 held-out windows when the circuit is ablated.

    Nodes are ablated to their means; weights are set to zero.
    """
    circuit.check_model(model)
    nodes, weights = left(
        circuit, model, "without", "zero" if circuit.granularity == "weights" else "mean"
    )
    hooks = None if nodes is None else masked_hooks(nodes, means)
    batch = corpus.batch("test", 128, model.cfg.n_ctx, generator("next token", corpus.name))
    flat = batch.targets.flatten()

    def loss(run: Callable[..., Tensor], hooks: Mapping | None) -> float:
        logits = run(batch.inputs, hooks).flatten(0, 1)
        return float(torch.nn.functional.cross_entropy(logits, flat, ignore_index=IGNORED))

    with torch.no_grad():
        return loss(with_weights(model, weights), hooks) - loss(model, None)
