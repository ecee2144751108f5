"""Specificity: without the circuit, do the other tasks survive?"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from netseams.circuits import Circuit, logits_with
from netseams.core import generator
from netseams.corpora import Corpus
from netseams.evaluation.score import Score, score_circuit
from netseams.interventions import AblationKind, ablated_values
from netseams.models import Network, only_ours
from netseams.tasks import Task
from netseams.training.loss import token_loss


def removal_scores(
    circuit: Circuit,
    model: Network,
    tasks: Sequence[Task],
    ablation: AblationKind,
    means: Mapping[str, Tensor],
) -> list[Score]:
    """Scores of every task on its report split with the circuit ablated: one matrix row."""
    circuit.check_model(model)
    return [
        score_circuit(circuit, model, task, "report", ablation, means, without=True)
        for task in tasks
    ]


def next_token_rise(
    circuit: Circuit, model: Network, corpus: Corpus, means: Mapping[str, Tensor]
) -> float:
    """Rise of the next-token loss on 128 held-out windows when the circuit is ablated.

    Nodes and links to their means; weights are set to zero.
    """
    circuit.check_model(model)
    batch = corpus.batch("test", 128, model.cfg.n_ctx, generator("next token", corpus.name))

    def loss(logits: Tensor) -> float:
        return token_loss(logits, batch).item()

    fill = means
    if circuit.granularity == "components":
        fill = ablated_values("mean", only_ours(model, "circuits of links"), batch.inputs)
    with torch.no_grad():
        ablated = logits_with(circuit, model, batch.inputs, fill, without=True)
        return loss(ablated) - loss(model(batch.inputs))
