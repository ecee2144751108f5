"""Gradient routing against its definition: what a row may teach, and what it does not touch."""

import pytest
import torch
import torch.nn.functional as F

from netseams.core import SettingError, generator
from netseams.corpora import Batch, StringOps, StringOpsConfig
from netseams.corpora.base import IGNORED
from netseams.models import Transformer, TransformerConfig
from netseams.training import Routed, RunConfig, TrainConfig, train
from netseams.training.loop import Trainer
from netseams.training.routing import Router, parts_of

CORPUS = StringOps(StringOpsConfig(length=4))
CFG = TransformerConfig(
    n_layers=2, n_heads=4, d_model=16, d_mlp=12, n_ctx=CORPUS.n_positions, d_vocab=CORPUS.d_vocab
)
ARM = Routed(groups=(("reverse",), ("rotate", "swap_pairs")), silent=0.0, quiet=0.0)


def grads_of(arm: Routed, batch: Batch) -> tuple[float, dict[str, torch.Tensor]]:
    model = Transformer(CFG, seed=1)
    loss = Router(model, CORPUS, arm).backward(batch)
    return loss, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def plain(batch: Batch) -> tuple[float, dict[str, torch.Tensor]]:
    model = Transformer(CFG, seed=1)
    logits = model(batch.inputs).flatten(0, 1)
    loss = F.cross_entropy(logits, batch.targets.flatten(), ignore_index=IGNORED)
    loss.backward()
    return float(loss.detach()), {
        n: p.grad for n, p in model.named_parameters() if p.grad is not None
    }


def rows_of(word: str) -> Batch:
    batch = CORPUS.batch("train", 200, CORPUS.n_positions, generator("routing"))
    rows = batch.inputs[:, 0] == [CORPUS.text_of(t) for t in range(CORPUS.d_vocab)].index(word)
    return Batch(batch.inputs[rows], batch.targets[rows])


def test_parts_share_nothing_and_hold_everything() -> None:
    parts = parts_of(CFG, 2)
    assert torch.equal(parts[0].heads ^ parts[1].heads, torch.ones(16, dtype=torch.bool))
    assert torch.equal(parts[0].neurons ^ parts[1].neurons, torch.ones(12, dtype=torch.bool))
    assert parts[0].heads.tolist() == [True] * 8 + [False] * 8
    with pytest.raises(SettingError, match="4 heads and 12 neurons cannot be cut into 3"):
        parts_of(CFG, 3)


def test_rows_without_a_group_teach_everything() -> None:
    batch = rows_of("keep_order")
    loss, grads = grads_of(ARM, batch)
    expected, theirs = plain(batch)
    assert loss == pytest.approx(expected, abs=1e-6)
    for name, grad in theirs.items():
        torch.testing.assert_close(grads[name], grad, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("word", "part"), [("reverse", 0), ("rotate", 1), ("swap_pairs", 1)])
def test_rows_of_a_group_teach_their_part_alone(word: str, part: int) -> None:
    """In the last block, behind which nothing is cut off, it learns what it always would."""
    batch, own = rows_of(word), parts_of(CFG, 2)[part]
    loss, grads = grads_of(ARM, batch)
    expected, theirs = plain(batch)
    assert loss == pytest.approx(expected, abs=1e-6)
    for i in range(CFG.n_layers):
        for letter in "qkv":
            rows = grads[f"blocks.{i}.attn.{letter}.weight"]
            assert not rows[~own.heads].any()
            assert rows[own.heads].any()
        assert not grads[f"blocks.{i}.attn.out.weight"][:, ~own.heads].any()
        assert not grads[f"blocks.{i}.mlp.up.weight"][~own.neurons].any()
        assert not grads[f"blocks.{i}.mlp.down.weight"][:, ~own.neurons].any()
    for name, mask in (("up", own.neurons.view(-1, 1)), ("down", own.neurons)):
        key = f"blocks.1.mlp.{name}.weight"
        torch.testing.assert_close(grads[key], theirs[key] * mask, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(
        grads["unembed.weight"], theirs["unembed.weight"], rtol=1e-4, atol=1e-7
    )


def test_the_price_of_noise_reaches_what_reads_for_the_others_alone() -> None:
    batch, own = rows_of("reverse"), parts_of(CFG, 2)[0]
    _, without = grads_of(ARM, batch)
    _, grads = grads_of(ARM.model_copy(update={"quiet": 3.0}), batch)
    for name, grad in grads.items():
        change = grad - without[name]
        if name.endswith("mlp.up.weight"):
            assert not change[own.neurons].any()
            assert change[~own.neurons].any()
        elif ".attn." in name and name.endswith(("q.weight", "k.weight", "v.weight")):
            assert not change[own.heads].any()
        elif not name.endswith(("up.bias", "q.bias", "k.bias", "v.bias")):
            assert not change.any(), name
    # The mean square of the other half of neurons, by central differences of one weight.
    model, weight = Transformer(CFG, seed=1).double(), "blocks.1.mlp.up.weight"
    channel = int((~own.neurons).nonzero()[0])

    def noise() -> torch.Tensor:
        seen = {}
        model(batch.inputs, {"blocks.1.mlp.hook_post": lambda x: seen.setdefault("x", x)})
        return seen["x"][..., ~own.neurons].square().mean()

    with torch.no_grad():
        parameter, h = model.get_parameter(weight), 1e-4
        parameter[channel, 5] += h
        above = noise()
        parameter[channel, 5] -= 2 * h
        slope = float((above - noise()) / (2 * h))
    change = (grads[weight] - without[weight])[channel, 5]
    assert float(change) == pytest.approx(3.0 * slope, rel=1e-3)


def test_silent_rows_do_not_see_the_others() -> None:
    """All rows silent: whatever the other part holds, loss and gradients stay."""
    arm, batch = ARM.model_copy(update={"silent": 1.0}), rows_of("rotate")
    other, found = parts_of(CFG, 2)[0], []
    for change in (0.0, 1.0):
        model = Transformer(CFG, seed=1)
        with torch.no_grad():
            for block in model.blocks:
                block.mlp.up.weight[other.neurons] += change
                block.attn.v.weight[other.heads] += change
        found.append(Router(model, CORPUS, arm).backward(batch))
    assert found[0] == pytest.approx(found[1], abs=1e-6)


def test_a_stopped_run_goes_on_to_the_same_end(tmp_path) -> None:
    config = RunConfig(
        corpus=CORPUS.config, model=CFG,
        train=TrainConfig(steps=6, batch_size=16, checkpoint_every=3, sparsity=Routed(
            groups=(("reverse",), ("rotate", "swap_pairs")))),
    )  # fmt: skip
    whole = train(config, tmp_path / "whole").load().state_dict()

    def stop(done: int, total: int, word: str) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "stopped", stop)
    resumed = train(config, tmp_path / "stopped")
    for name, tensor in resumed.load().state_dict().items():
        assert torch.equal(tensor, whole[name])
    assert resumed.config.arm == "routed"
    assert resumed.result.l0 == resumed.result.n_parameters


def test_what_cannot_be_routed_is_refused() -> None:
    def trainer(*groups: tuple[str, ...]) -> Trainer:
        run = RunConfig(corpus=CORPUS.config, model=CFG)
        arm = Routed(groups=groups)
        return Trainer(
            run.model_copy(update={"train": TrainConfig(sparsity=arm)}), CORPUS
        )  # fmt: skip

    with pytest.raises(SettingError, match="corpus string_ops has no word 'revers' to route by"):
        trainer(("revers",), ("rotate",))
    with pytest.raises(SettingError, match="cannot be cut into 3 equal parts"):
        trainer(("reverse",), ("rotate",), ("swap_pairs",))
