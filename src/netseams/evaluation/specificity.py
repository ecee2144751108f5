"""Specificity: without the circuit, do the other tasks survive?"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from netseams.circuits import Circuit
from netseams.core import generator
from netseams.corpora import Corpus
from netseams.evaluation.score import Score, score
from netseams.interventions import AblationKind, masked_hooks
from netseams.models import Transformer
from netseams.tasks import Task
from netseams.training.loop import token_loss


def removal_scores(
    circuit: Circuit,
    model: Transformer,
    tasks: Sequence[Task],
    ablation: AblationKind,
    means: Mapping[str, Tensor],
) -> list[Score]:
    """Scores of every task on its report split with the circuit ablated: one matrix row."""
    circuit.check_model(model)
    kept = circuit.complement()
    return [score(model, task, "report", kept, ablation, means) for task in tasks]


def next_token_rise(
    circuit: Circuit, model: Transformer, corpus: Corpus, means: Mapping[str, Tensor]
) -> float:
    """Rise of the next-token loss on 128 held-out windows when the circuit is mean-ablated."""
    circuit.check_model(model)
    batch = corpus.batch("test", 128, model.cfg.n_ctx, generator("next token", corpus.name))

    def loss(hooks: Mapping | None) -> float:
        return token_loss(model(batch.inputs, hooks), batch).item()

    with torch.no_grad():
        return loss(masked_hooks(circuit.complement(), means)) - loss(None)
