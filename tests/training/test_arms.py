"""The arms of equal density: which weights they keep, which stay out, and how they resume."""

import itertools

import pytest
import torch
from pydantic import ValidationError

from netseams.core import FileFormatError, UnknownNameError
from netseams.corpora import StringOps, StringOpsConfig
from netseams.models import TransformerConfig
from netseams.store import save_tensors
from netseams.training import (
    ARMS,
    Dense,
    Pruned,
    RandomSupport,
    RunConfig,
    Sparsity,
    TrainConfig,
    WeightSparse,
    matched_arm,
    train,
)
from netseams.training.loop import Trainer

MODEL = TransformerConfig(
    n_layers=1, n_heads=2, d_model=16, d_mlp=32, n_ctx=14, d_vocab=19, bigram=True, sinks=True
)
TO = WeightSparse(density=0.13, embed_density=0.4, unembed_density=0.3, bias_density=0.5)
SPARSE_ARMS = [arm for arm in ARMS if arm != "dense"]


def run_config(sparsity: Sparsity, steps: int = 40, seed: int = 0, **settings) -> RunConfig:
    train = {"steps": steps, "batch_size": 8, "lr": 1e-2, "sparsity": sparsity} | settings
    corpus = StringOpsConfig(length=6)
    return RunConfig(corpus=corpus, model=MODEL, train=TrainConfig(**train), seed=seed)


def trainer_of(config: RunConfig) -> Trainer:
    return Trainer(config, StringOps(config.corpus))


def supports_of(trainer: Trainer) -> list[dict[str, torch.Tensor]]:
    """Non-zero places before the first step and after every one."""

    def now() -> dict[str, torch.Tensor]:
        return {n: p != 0 for n, p in trainer.model.named_parameters()}

    supports = [now()]
    trainer.run(lambda _: supports.append(now()))
    return supports


def expected_count(name: str, numel: int) -> int:
    """By hand from the densities of `TO`."""
    share = 0.13
    if "bigram" in name or "sink" in name:
        share = 1.0
    elif name.endswith("bias"):
        share = 0.5
    elif "unembed" in name:
        share = 0.3
    elif "embed" in name:
        share = 0.4
    return round(share * numel)


@pytest.mark.parametrize("arm", SPARSE_ARMS)
def test_every_arm_ends_with_the_same_count_in_every_tensor(arm):
    trainer = trainer_of(run_config(matched_arm(arm, TO)))
    supports = supports_of(trainer)
    for name, parameter in trainer.model.named_parameters():
        if name.startswith("bigram"):
            continue  # rows of tokens that never came stay at their initial zero
        expected = expected_count(name, parameter.numel())
        # The last arm to reach its final density does so at 70 % of 40 steps.
        for support in supports[29:]:
            found = int(support[name].sum())
            if arm == "random_support" and name.endswith("bias"):
                # A query's bias whose key has no weight gets no gradient and stays at 0.
                assert expected - 3 <= found <= expected, name
            else:
                assert found == expected, name


@pytest.mark.parametrize("arm", ["weight_sparse", "pruned"])
def test_annealed_arms_hold_an_exact_count_after_every_step(arm):
    sparsity = matched_arm(arm, TO).model_copy(
        update={"anneal": "linear", "anneal_start": 0.0, "anneal_end": 0.5}
    )
    trainer = trainer_of(run_config(sparsity))
    for step, support in enumerate(supports_of(trainer)[1:], start=1):
        blocks = 1 - 0.87 * min(step / 20, 1)
        for name, final in (
            ("blocks.0.attn.k.weight", 0.13),
            ("embed.weight", 0.4),
            ("unembed.weight", 0.3),
            ("blocks.0.mlp.up.bias", 0.5),
        ):
            numel = support[name].numel()
            assert int(support[name].sum()) == round(max(blocks, final) * numel), (step, name)


def test_pruned_weights_stay_out_and_counts_fall_as_the_cubic_says():
    trainer = trainer_of(run_config(matched_arm("pruned", TO)))
    weight = "blocks.0.mlp.up.weight"
    supports = [support[weight] for support in supports_of(trainer)]
    for earlier, later in itertools.pairwise(supports):
        assert not (later & ~earlier).any()
    assert supports[12].all()  # dense until 30 % of 40 steps
    # By hand: half-way, at 50 %, 1 - 0.87 (1 - 0.5^3) = 0.23875 of 512 weights.
    assert int(supports[20].sum()) == round(0.23875 * 512)
    assert int(supports[28].sum()) == round(0.13 * 512)


def test_a_random_support_is_kept_from_before_the_first_step():
    trainer = trainer_of(run_config(matched_arm("random_support", TO)))
    drawn = {name: mask.clone() for name, mask in trainer.projection.support.items()}
    for support in supports_of(trainer):
        assert all(not (support[name] & ~mask).any() for name, mask in drawn.items())
    for name, mask in drawn.items():
        assert int(mask.sum()) == expected_count(name, mask.numel()), name


def test_a_random_support_is_a_function_of_the_seed():
    def drawn(seed: int) -> torch.Tensor:
        trainer = trainer_of(run_config(RandomSupport(density=0.2), seed=seed))
        return trainer.projection.support["blocks.0.attn.q.weight"]

    assert torch.equal(drawn(3), drawn(3))
    assert not torch.equal(drawn(3), drawn(4))
    # Each of 256 places is drawn with probability 51 / 256: 200 seeds give 39.8 +- 5.6 of them.
    counts = sum(drawn(seed).int() for seed in range(200))
    assert float(counts.float().mean()) == pytest.approx(200 * 51 / 256)
    assert int(counts.min()) > 12
    assert int(counts.max()) < 70


@pytest.mark.parametrize("arm", ["pruned", "random_support"])
@pytest.mark.parametrize("gradient", ["clip_norm", "normalize_rms"])
def test_nothing_is_remembered_of_weights_that_are_out(arm, gradient):
    trainer = trainer_of(run_config(matched_arm(arm, TO), gradient=gradient))
    trainer.run(lambda _: None)
    parameters = dict(trainer.model.named_parameters())
    for name, mask in trainer.projection.support.items():
        parameter = parameters[name]
        assert not parameter[~mask].any()
        assert parameter[mask].any()
        if arm == "random_support":
            moments = trainer.optimizer.state[parameter]
            assert not moments["exp_avg"][~mask].any()
            assert not moments["exp_avg_sq"][~mask].any()


def test_the_limit_on_the_gradient_does_not_see_weights_that_are_out():
    trainer = trainer_of(run_config(RandomSupport(density=0.13)))
    (trainer.model.unembed.weight.sum() * 3).backward()
    grad, mask = trainer.model.unembed.weight.grad, trainer.projection.support["unembed.weight"]
    assert torch.equal(grad, 3.0 * mask)


@pytest.mark.parametrize("arm", SPARSE_ARMS)
@pytest.mark.parametrize("decay", ["adamw", "after_projection"])
def test_density_one_equals_plain_training_to_the_bit(arm, decay):
    plain = trainer_of(run_config(Dense(), decay=decay))
    full = trainer_of(run_config(matched_arm(arm, WeightSparse(density=1.0)), decay=decay))
    plain.run(lambda _: None)
    full.run(lambda _: None)
    for (name, a), b in zip(plain.model.named_parameters(), full.model.parameters(), strict=True):
        assert torch.equal(a, b), name
    assert plain.state().keys() == full.state().keys()


@pytest.mark.parametrize("arm", SPARSE_ARMS)
@pytest.mark.parametrize("stop", [6, 20, 34])
def test_every_arm_resumes_bit_identical(arm, stop, tmp_path):
    config = run_config(matched_arm(arm, TO), checkpoint_every=5)

    def interrupt(done: int, total: int, word: str) -> None:
        if done == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "killed", interrupt)
    resumed, whole = train(config, tmp_path / "killed"), train(config, tmp_path / "whole")
    first, second = resumed.load().state_dict(), whole.load().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert resumed.result.fingerprint == whole.result.fingerprint


def test_a_weight_that_is_in_the_support_at_zero_survives_a_checkpoint():
    config = run_config(matched_arm("pruned", TO))
    first, second = trainer_of(config), trainer_of(config)

    class Stop(Exception):
        pass

    def stop(step) -> None:
        if step.step == 35:
            raise Stop

    with pytest.raises(Stop):
        first.run(stop)
    name = "blocks.0.mlp.up.weight"
    support = first.projection.support[name]
    place = tuple(support.nonzero()[0].tolist())
    with torch.no_grad():
        first.model.blocks[0].mlp.up.weight[place] = 0.0
    second.restore({k: v.clone() for k, v in first.state().items()}, 35)
    second.run(lambda _: None)
    assert second.projection.support[name][place]
    assert second.model.blocks[0].mlp.up.weight[place] != 0


def test_arms_differ_in_one_field_and_share_their_densities():
    dumps = [run_config(matched_arm(arm, TO)).model_dump() for arm in ARMS]
    for dump in dumps[1:]:
        assert {key for key in dump if dump[key] != dumps[0][key]} == {"train"}
        train_section, first = dump["train"], dumps[0]["train"]
        assert {key for key in first if first[key] != train_section[key]} == {"sparsity"}
        assert train_section["sparsity"]["unembed_density"] == 0.3
    assert matched_arm("dense", TO) == Dense()
    assert matched_arm("weight_sparse", TO) is TO
    with pytest.raises(UnknownNameError, match="did you mean 'pruned'"):
        matched_arm("prune", TO)


@pytest.mark.parametrize("kind", [Pruned, RandomSupport])
def test_a_density_below_one_weight_a_row_is_refused_in_every_arm(kind):
    with pytest.raises(ValidationError, match=r"at least 0\.0625"):
        run_config(kind(density=0.05))


def test_a_checkpoint_without_the_support_is_refused_with_what_to_do(tmp_path):
    config = run_config(matched_arm("pruned", TO))
    trainer = trainer_of(config)
    weights = {k: v for k, v in trainer.state().items() if not k.startswith("projection.")}
    (tmp_path / "config.json").write_text(config.model_dump_json(indent=2))
    save_tensors(tmp_path / "checkpoint.safetensors", weights, {"step": "0", "seconds": "0.0"})
    with pytest.raises(FileFormatError, match="delete it to start afresh"):
        train(config, tmp_path)
