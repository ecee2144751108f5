"""Stacked training ends as training one by one."""

import pytest
import torch

from netseams.core import SettingError
from netseams.corpora import StringOps, StringOpsConfig
from netseams.models import TransformerConfig
from netseams.training import (
    Dense,
    Dropout,
    Pruned,
    RandomSupport,
    RunConfig,
    TrainConfig,
    WeightSparse,
)
from netseams.training.loop import Trainer
from netseams.training.stacked import Stack, check_stackable

CORPUS = StringOps(StringOpsConfig(length=4))
CFG = TransformerConfig(
    n_layers=2, n_heads=4, d_model=16, d_mlp=24, n_ctx=CORPUS.n_positions, d_vocab=CORPUS.d_vocab,
    sinks=True, bigram=True,
)  # fmt: skip


def run_of(arm, seed: int = 0, sinks: bool = True, **changes) -> RunConfig:
    fields = {"steps": 30, "batch_size": 8, "lr": 3e-3, "sparsity": arm, **changes}
    model = CFG.model_copy(update={"sinks": sinks})
    return RunConfig(
        corpus=StringOpsConfig(length=4), model=model, train=TrainConfig(**fields), seed=seed
    )


@pytest.mark.parametrize("sinks", [True, False])
def test_every_member_ends_as_it_would_alone(sinks) -> None:
    arms = (Dense(), WeightSparse(density=0.2, anneal_end=0.5), Pruned(density=0.3),
            RandomSupport(density=0.3))  # fmt: skip
    configs = [run_of(arm, seed, sinks) for seed in (0, 1) for arm in arms]
    alone = [Trainer(config, CORPUS) for config in configs]
    losses: list[list[float]] = [[] for _ in configs]
    for trainer, seen in zip(alone, losses, strict=True):
        trainer.run(lambda step, seen=seen: seen.append(step.loss))
    together = [Trainer(config, CORPUS) for config in configs]
    stacked: list[list[float]] = [[] for _ in configs]
    assert Stack(together).run(lambda n, step: stacked[n].append(step.loss)) == []
    for ours, theirs, a, b in zip(together, alone, stacked, losses, strict=True):
        assert a == pytest.approx(b, abs=2e-4)
        for name, parameter in ours.model.named_parameters():
            other = theirs.model.get_parameter(name)
            # A weight at the threshold may go either way when sums are rounded otherwise.
            apart = (parameter - other).abs() > 2e-3
            assert float(apart.float().mean()) < 0.02, name
            assert (parameter != 0).sum() == (other != 0).sum()
    dense = [t for t in zip(together, alone, strict=True) if t[0].config.arm == "dense"]
    for ours, theirs in dense:
        for a, b in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
            torch.testing.assert_close(a, b, atol=1e-3, rtol=1e-2)


def test_a_member_that_diverges_leaves_and_the_others_go_on() -> None:
    configs = [run_of(Dense(), seed) for seed in range(3)]
    members = [Trainer(config, CORPUS) for config in configs]
    with torch.no_grad():
        members[1].model.embed.weight.fill_(torch.nan)
    (lost,) = Stack(members).run(lambda n, step: None)
    assert lost is members[1]
    alone = Trainer(configs[2], CORPUS)
    alone.run(lambda step: None)
    assert members[2].step == 30
    torch.testing.assert_close(
        members[2].model.embed.weight, alone.model.embed.weight, atol=1e-3, rtol=1e-2
    )


def test_what_cannot_be_stacked_is_refused() -> None:
    with pytest.raises(SettingError, match=r"differ in seed and train\.sparsity alone"):
        check_stackable([run_of(Dense()), run_of(Dense(), steps=40)])
    sparse = run_of(Dense())
    sparse = sparse.model_copy(
        update={"model": CFG.model_copy(update={"activation_density": 0.25})}
    )
    with pytest.raises(SettingError, match="AbsTopK cannot be stacked"):
        check_stackable([sparse, sparse])
    with pytest.raises(SettingError, match="cannot be stacked: train them one by one"):
        Stack([Trainer(run_of(arm), CORPUS) for arm in (Dense(), Dropout())])
    ahead = [Trainer(run_of(Dense(), seed), CORPUS) for seed in (0, 1)]
    ahead[0].step = 5
    with pytest.raises(SettingError, match="at the same step"):
        Stack(ahead)


@pytest.mark.gpu
def test_a_stack_on_a_gpu_ends_as_one_on_a_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    configs = [run_of(Dense(), seed) for seed in range(2)]
    there = [Trainer(config, CORPUS, device="cuda") for config in configs]
    here = [Trainer(config, CORPUS) for config in configs]
    for members in (there, here):
        Stack(members).run(lambda n, step: None)
    for ours, theirs in zip(there, here, strict=True):
        torch.testing.assert_close(
            ours.model.embed.weight.cpu(), theirs.model.embed.weight, atol=5e-3, rtol=5e-2
        )
