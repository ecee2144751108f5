"""Networks half of which is weight-sparse: which weights go, and what the others keep."""

import pytest
import torch

from netseams.core import SettingError
from netseams.corpora import StringOps, StringOpsConfig
from netseams.models import Transformer, TransformerConfig
from netseams.tasks import build_task
from netseams.training import PartlySparse, RunConfig, TrainConfig, WeightSparse, train
from netseams.training.fine_tuning import fine_tuned
from netseams.training.halves import SparseHalf, half_nodes

CORPUS = StringOps(StringOpsConfig(length=4))
CFG = TransformerConfig(
    n_layers=2, n_heads=4, d_model=16, d_mlp=24, n_ctx=CORPUS.n_positions, d_vocab=CORPUS.d_vocab
)
ROWS = ("attn.q", "attn.k", "attn.v", "mlp.up")
"""Matrices whose rows are channels of heads or neurons; of the others they are the columns."""


def projected(by: str, half: str, density: float = 0.25) -> tuple[Transformer, Transformer]:
    model, whole = (Transformer(CFG, seed=3) for _ in range(2))
    arm = PartlySparse.model_validate({"by": by, "half": half, "density": density})
    projection = SparseHalf(model, arm)
    projection.progress = 1.0
    projection.apply()
    return model, whole


def halves_of(name: str, matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The channels of the first half of a matrix, and of the second."""
    rows = any(part in name for part in ROWS)
    return matrix.chunk(2, 0 if rows else 1)  # type: ignore[return-value]


@pytest.mark.parametrize("half", ["first", "second"])
def test_half_of_the_channels_keeps_its_largest_weights(half) -> None:
    model, whole = projected("channels", half)
    for name, matrix in model.named_parameters():
        before = whole.get_parameter(name)
        if not name.startswith("blocks.") or matrix.ndim != 2:
            assert torch.equal(matrix, before)
            continue
        order = halves_of(name, matrix), halves_of(name, before)
        sparse, dense = (0, 1) if half == "first" else (1, 0)
        assert torch.equal(order[0][dense], order[1][dense]), name
        kept, all_of_it = order[0][sparse].flatten(), order[1][sparse].flatten()
        n = round(0.25 * all_of_it.numel())
        expected = torch.zeros_like(all_of_it)
        places = all_of_it.abs().argsort(descending=True)[:n]
        expected[places] = all_of_it[places]
        assert torch.equal(kept, expected), name


@pytest.mark.parametrize(("half", "layer"), [("first", 0), ("second", 1)])
def test_half_of_the_layers_is_sparse_and_the_other_is_not_touched(half, layer) -> None:
    model, whole = projected("layers", half)
    for name, matrix in model.named_parameters():
        share = float((matrix != 0).float().mean())
        if name.startswith(f"blocks.{layer}.") and matrix.ndim == 2:
            assert share == pytest.approx(0.25, abs=1 / matrix.numel())
        else:
            assert torch.equal(matrix, whole.get_parameter(name))


def test_halves_share_nothing_and_hold_all_heads_and_neurons() -> None:
    for by in ("channels", "layers"):
        first, second = half_nodes(CFG, by)
        assert set(first) == set(second)
        assert len(first) == 8
        for site in first:
            assert torch.equal(first[site] ^ second[site], torch.ones_like(first[site]))
        sizes = [sum(int(m.sum()) for m in half.values()) for half in (first, second)]
        assert sizes[0] == sizes[1]
    odd = CFG.model_copy(update={"n_layers": 3})
    with pytest.raises(SettingError, match="3 layers cannot be halved"):
        half_nodes(odd, "layers")


def test_a_run_ends_with_one_half_sparse_and_counts_what_is_there(tmp_path) -> None:
    arm = PartlySparse(density=0.2, by="layers", half="second", anneal_end=0.5)
    config = RunConfig(
        corpus=StringOpsConfig(length=4), model=CFG,
        train=TrainConfig(steps=6, batch_size=8, sparsity=arm),
    )  # fmt: skip
    run = train(config, tmp_path / "run")
    model = run.load()
    n = sum(p.numel() for k, p in model.named_parameters() if k.startswith("blocks.0.")
            and p.ndim == 2)  # fmt: skip
    block = run.result.groups["block"]
    assert block.n == 2 * n
    assert block.l0 == pytest.approx(1.2 * n, rel=0.01)
    assert run.result.l0_nominal == round(0.6 * run.result.n_nominal)
    assert WeightSparse().share_kept == WeightSparse().density


def test_fine_tuning_lowers_the_loss_of_its_task_and_keeps_zeros() -> None:
    model, _ = projected("layers", "first")
    task = build_task("reverse", CORPUS, CFG.n_ctx)
    tuned = fine_tuned(model, task, steps=20, lr=3e-3)
    tokens, targets = task.rows("mask_train")
    answers = task.answers.expand(len(tokens), -1)

    def loss(network: Transformer) -> float:
        logits = task.candidate_logits(network(tokens, None, answers)).flatten(0, 1)
        return torch.nn.functional.cross_entropy(logits, targets.flatten()).item()

    assert loss(tuned) < loss(model)
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            assert not tuned.get_parameter(name)[parameter == 0].any()
    assert not torch.equal(tuned.embed.weight, model.embed.weight)
