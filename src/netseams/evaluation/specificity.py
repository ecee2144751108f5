"""Specificity: without the circuit, do the other tasks survive?"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from netseams.circuits import Circuit
from netseams.core import generator
from netseams.corpora import Corpus
from netseams.corpora.base import IGNORED
from netseams.evaluation.score import Score, score
from netseams.interventions import AblationKind, masked_hooks
from netseams.models import Network
from netseams.tasks import Task


def removal_scores(
    circuit: Circuit,
    model: Network,
    tasks: Sequence[Task],
    ablation: AblationKind,
    means: Mapping[str, Tensor],
) -> list[Score]:
    """Scores of every task on its report split with the circuit ablated: one matrix row."""
    circuit.check_model(model)
    kept = circuit.complement()
    return [score(model, task, "report", kept, ablation, means) for task in tasks]


def next_token_rise(
    circuit: Circuit, model: Network, corpus: Corpus, means: Mapping[str, Tensor]
) -> float:
    """Rise of the next-token loss on 128 held-out windows when the circuit is mean-ablated."""
    circuit.check_model(model)
    batch = corpus.batch("test", 128, model.cfg.n_ctx, generator("next token", corpus.name))
    flat = batch.targets.flatten()

    def loss(hooks: Mapping | None) -> float:
        logits = model(batch.inputs, hooks).flatten(0, 1)
        return float(torch.nn.functional.cross_entropy(logits, flat, ignore_index=IGNORED))

    with torch.no_grad():
        return loss(masked_hooks(circuit.complement(), means)) - loss(None)
