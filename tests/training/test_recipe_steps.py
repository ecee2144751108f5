"""Steps of the whole recipe against plain torch, written out by hand."""

import math

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError

from netseams.core import generator
from netseams.corpora import StringOps, StringOpsConfig
from netseams.models import Transformer, TransformerConfig
from netseams.training import RunConfig, TrainConfig, WeightSparse
from netseams.training.loop import Trainer
from netseams.training.schedules import group_density

MODEL = TransformerConfig(
    n_layers=1, n_heads=2, d_model=16, d_mlp=32, n_ctx=14, d_vocab=19, bigram=True
)
RELEASED = TrainConfig(
    steps=20,
    batch_size=8,
    lr=1.28e-2,
    warmup=0.1,
    decay="after_projection",
    eps=0.1,
    gradient="normalize_rms",
    sparsity=WeightSparse(
        density=0.25,
        embed_density=0.5,
        bias_density=1.0,
        anneal_start=0.0,
        anneal_groups="each",
        lr_rule="relative_sqrt_l0",
        min_alive=2,
    ),
)


def config_of(train: TrainConfig, model: TransformerConfig = MODEL) -> RunConfig:
    return RunConfig(corpus=StringOpsConfig(length=6), model=model, train=train)


def keep_by_sorting(weight: torch.Tensor, k: int, minimum: int, columns: bool) -> None:
    """Zero all but each channel's `minimum` largest and then the largest of all."""
    w = weight.T if columns else weight
    order = w.abs().argsort(dim=1, descending=True)
    keep = torch.zeros_like(w, dtype=torch.bool).scatter(1, order[:, :minimum], True)
    rest = [p for p in w.abs().flatten().argsort(descending=True).tolist() if not keep.flatten()[p]]
    keep.view(-1)[rest[: k - int(keep.sum())]] = True
    weight.mul_(keep.T if columns else keep)


def test_the_order_of_the_released_script():
    """Gradient to RMS 1, Adam, top-k, then decay of every matrix but the bigram table."""
    steps = 12
    config = config_of(RELEASED)
    trainer = Trainer(config, StringOps(config.corpus))
    reference, corpus = Transformer(MODEL, 0), StringOps(StringOpsConfig(length=6))
    first = {n: torch.zeros_like(p) for n, p in reference.named_parameters()}
    second = {n: torch.zeros_like(p) for n, p in reference.named_parameters()}
    for t in range(steps):
        batch = corpus.batch("train", 8, 14, generator(0, "batch", t))
        logits = reference(batch.inputs)
        F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), ignore_index=-100).backward()
        grads = torch.cat([p.grad.flatten() for p in reference.parameters()])
        scale = 1 / (grads.square().mean().sqrt() + 1e-5)
        share = min((t + 1) / 20 / 0.5, 1.0)
        block, embed = 1 - 0.75 * share, 1 - 0.5 * share
        lr = 1.28e-2 * min((t + 1) / 2, (20 - t) / 18, 1.0) * math.sqrt(0.25 / block)
        with torch.no_grad():
            for name, p in reference.named_parameters():
                g = p.grad * scale
                first[name] = 0.9 * first[name] + 0.1 * g
                second[name] = 0.95 * second[name] + 0.05 * g**2
                unbiased = first[name] / (1 - 0.9 ** (t + 1))
                root = (second[name] / (1 - 0.95 ** (t + 1))).sqrt()
                p -= lr * unbiased / (root + 0.1)
                if p.ndim == 2 and not name.startswith("bigram"):
                    density = embed if "embed" in name else block
                    minimum = 2 if name.startswith("blocks") else 0
                    columns = name.endswith(("attn.out.weight", "mlp.down.weight"))
                    keep_by_sorting(p, round(density * p.numel()), minimum, columns)
                    p -= 0.1 * lr * p
                p.grad = None

    class Enough(Exception):
        pass

    def stop(step) -> None:
        if step.step == steps:
            raise Enough

    with pytest.raises(Enough):
        trainer.run(stop)
    for (name, a), b in zip(
        trainer.model.named_parameters(), reference.named_parameters(), strict=True
    ):
        torch.testing.assert_close(a, b[1], rtol=1e-3, atol=1e-5, msg=name)
        if a.ndim == 2 and not name.startswith("bigram"):
            assert torch.equal(a != 0, b[1] != 0), name


def test_every_channel_keeps_its_weights_at_every_step():
    config = config_of(RELEASED)
    trainer = Trainer(config, StringOps(config.corpus))
    fewest: list[int] = []

    def look(step) -> None:
        block = trainer.model.blocks[0]
        rows = [m.weight for m in (block.attn.q, block.attn.k, block.attn.v, block.mlp.up)]
        columns = [block.attn.out.weight.T, block.mlp.down.weight.T]
        fewest.append(min(int((w != 0).sum(1).min()) for w in rows + columns))
        for w in rows + columns:
            density = group_density(config.train.sparsity, "block", step.step / 20)
            assert int((w != 0).sum()) == round(density * w.numel())

    trainer.run(look)
    assert min(fewest) >= 2
    plain = RELEASED.model_copy(
        update={"sparsity": RELEASED.sparsity.model_copy(update={"min_alive": 0})}
    )
    trainer = Trainer(config_of(plain), StringOps(config.corpus))
    trainer.run(lambda _: None)
    ends = trainer.model.blocks[0].mlp.down.weight
    assert int((ends != 0).sum(0).min()) < 2  # without the rule there are such neurons


def test_decay_before_or_after_the_projection_leaves_the_same_support_size():
    """`adamw` decays first: kept weights then differ from those of `after_projection`."""
    ends = []
    for decay in ("adamw", "after_projection"):
        config = config_of(RELEASED.model_copy(update={"decay": decay}))
        trainer = Trainer(config, StringOps(config.corpus))
        trainer.run(lambda _: None)
        ends.append(trainer.model.blocks[0].mlp.up.weight.detach())
    assert int((ends[0] != 0).sum()) == int((ends[1] != 0).sum()) == 128
    assert not torch.equal(ends[0], ends[1])


def test_groups_anneal_together_or_each_to_its_own():
    arm = WeightSparse(density=0.1, embed_density=0.5, anneal_start=0.0, anneal_end=1.0)
    each = arm.model_copy(update={"anneal_groups": "each"})
    # A quarter of the way the blocks stand at 1 - 0.9 / 4, half-way at 1 - 0.9 / 2.
    assert group_density(arm, "embed", 0.25) == pytest.approx(0.775)
    assert group_density(arm, "embed", 0.75) == pytest.approx(0.5)
    assert group_density(each, "embed", 0.25) == pytest.approx(0.875)
    assert group_density(each, "embed", 0.75) == pytest.approx(0.625)
    for group in ("block", "bias"):
        assert group_density(arm, group, 0.5) == group_density(each, group, 0.5)
    assert group_density(arm, "unembed", 1.0) == 0.5
    assert group_density(arm, "bigram", 1.0) == group_density(each, "bigram", 0.5) == 1.0


@pytest.mark.parametrize(("d_mlp", "largest"), [(64, 5), (16, 5)])
def test_an_infeasible_minimum_is_refused_with_the_arithmetic(d_mlp, largest):
    # 0.35 of 16 weights a channel is 5.6: five fit, six do not.
    model = TransformerConfig(n_layers=1, n_heads=2, d_model=16, d_mlp=d_mlp, n_ctx=14, d_vocab=19)
    fits = TrainConfig(sparsity=WeightSparse(density=0.35, min_alive=largest))
    assert config_of(fits, model).train.sparsity.min_alive == largest
    message = (
        r"min_alive 6 needs 6 x 16 = 96 weights in a matrix of 16 channels and 16 weights each, "
        r"but density 0\.35 keeps 90: use min_alive at most 5, or density at least 0\.375"
    )
    with pytest.raises(ValidationError, match=message):
        config_of(TrainConfig(sparsity=WeightSparse(density=0.35, min_alive=6)), model)
