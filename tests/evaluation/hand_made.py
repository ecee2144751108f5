"""A network whose logits can be read off a table, and a task for it.

Everything but the bigram table and the unembedding is zero, so the residual stream is zero and the
logits of a position are its token's row. Ablating the final read adds the same vector to all.
"""

import torch

from netseams.circuits import Circuit
from netseams.models import Transformer, TransformerConfig, sites_of
from netseams.tasks import Examples, Task

FINAL = "ln_final.hook_normalized"
CONFIG = TransformerConfig(
    n_layers=1, n_heads=1, d_model=2, d_mlp=2, n_ctx=3, d_vocab=6, bigram=True
)
TABLE = [
    # Tokens 4 and 5 are the candidates; the others get logits that must not count.
    [9.0, 9.0, 9.0, 9.0, 2.0, 0.0],
    [9.0, 9.0, 9.0, 9.0, 0.0, 1.0],
    [9.0, 9.0, 9.0, 9.0, 0.5, 0.0],
    [9.0, 9.0, 9.0, 9.0, -1.0, 3.0],
    [9.0, 9.0, 9.0, 9.0, 0.0, 0.5],
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
]
SHIFT = 1.5
"""What ablating the final read by its mean adds to the logit of token 5."""


def table_model() -> Transformer:
    model = Transformer(CONFIG)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.bigram.weight.copy_(torch.tensor(TABLE))
        model.unembed.weight[5, 0] = SHIFT
    return model


def means() -> dict[str, torch.Tensor]:
    constants = {site.name: torch.zeros(site.shape) for site in sites_of(CONFIG)}
    constants[FINAL] = torch.tensor([1.0, 0.0])
    return constants


def table_task(scores_both: bool = True) -> Task:
    """Answers at positions 2 and 0; the answering token is the row of the table."""
    clean = torch.tensor([[3, 5, 0], [4, 5, 1], [0, 5, 2]])
    corrupt = torch.tensor([[0, 5, 4], [1, 5, 3], [2, 5, 0]])
    # Columns: the answer at position 2, then that at position 0.
    examples = Examples(
        clean, corrupt,
        clean_targets=torch.tensor([[0, 1], [0, 0], [1, 0]]),
        corrupt_targets=torch.tensor([[1, 0], [1, 1], [0, 0]]),
    )  # fmt: skip
    return Task(
        name="table",
        corpus="none",
        question="which of two?",
        candidates=torch.tensor([4, 5]),
        answers=torch.tensor([2, 0]),
        splits={"mask_train": examples, "select": examples, "report": examples},
        scores_both=scores_both,
        floor_accuracy=0.5,
        floor_loss=0.6931471805599453,
    )


# The margins logit(5) - logit(4) of every answer in the order of the targets, and the targets.
CLEAN = [(-2.0, 0), (4.0, 1), (1.0, 0), (0.5, 0), (-0.5, 1), (-2.0, 0)]
CORRUPT = [(0.5, 1), (-2.0, 0), (4.0, 1), (1.0, 1), (-2.0, 0), (-0.5, 0)]


def circuit(model: Transformer, kept: bool) -> Circuit:
    nodes = {
        site.name: torch.full((site.width,), kept, dtype=torch.bool) for site in sites_of(CONFIG)
    }
    return Circuit.from_nodes(model, nodes, "table", "none", {"method": "by hand"})
