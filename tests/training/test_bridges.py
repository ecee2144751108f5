"""Bridges as a folder: what is frozen stays, what is sparse stays sparse, kills are survived."""

import pytest
import torch
from pydantic import ValidationError

from netseams.core import DivergedError, FileFormatError, RunFolderError, SettingError
from netseams.corpora import StringOps
from netseams.models import Transformer, TransformerConfig, model_fingerprint
from netseams.store import read_jsonl
from netseams.training import RunConfig, TrainConfig, WeightSparse
from netseams.training.bridge_config import BridgeConfig
from netseams.training.bridges import open_bridges, train_bridges
from netseams.training.loop import Trainer

MODEL = TransformerConfig(n_layers=1, n_heads=2, d_model=16, d_mlp=32, n_ctx=14, d_vocab=19)
MAPS = TrainConfig(steps=24, batch_size=8, lr=3e-3, weight_decay=0.0, checkpoint_every=10)
SPARSE = TrainConfig(
    steps=24, batch_size=8, lr=1e-3, sparsity=WeightSparse(density=0.2, anneal="none")
)
FROZEN = BridgeConfig(maps=MAPS, maps_start="random")
JOINT = BridgeConfig(maps=MAPS, sparse=SPARSE, maps_start="random")


@pytest.fixture(scope="module")
def pair(string_ops: StringOps) -> tuple[Transformer, Transformer]:
    """Dense of width 16, weight-sparse of width 24, both trained a little."""
    networks = []
    for model, train in (
        (MODEL, TrainConfig(steps=30, batch_size=16)),
        (MODEL.model_copy(update={"d_model": 24}), SPARSE),
    ):
        trainer = Trainer(RunConfig(corpus=string_ops.config, model=model, train=train), string_ops)
        trainer.run(lambda _: None)
        networks.append(trainer.model)
    return networks[0], networks[1]


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    ours, theirs = a.state_dict(), b.state_dict()
    return all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_frozen_networks_are_bit_equal_and_maps_learn(pair, string_ops, tmp_path):
    before = [model_fingerprint(model) for model in pair]
    found = train_bridges(FROZEN, *pair, string_ops, tmp_path / "maps")
    assert same(found.dense, pair[0])
    assert same(found.sparse, pair[1])
    assert [model_fingerprint(model) for model in pair] == before
    assert [found.result.dense, found.result.sparse] == before
    for family in ("encode_nmse", "decode_nmse"):
        after, start = getattr(found.result.after, family), getattr(found.result.before, family)
        assert sum(after) < sum(start)
    assert not (tmp_path / "maps" / "sparse.safetensors").exists()


def test_a_sparse_network_that_learns_stays_sparse_and_the_dense_one_frozen(
    pair, string_ops, tmp_path
):
    found = train_bridges(JOINT, *pair, string_ops, tmp_path / "joint")
    assert same(found.dense, pair[0])
    assert not same(found.sparse, pair[1])
    for name, parameter in found.sparse.named_parameters():
        expected = max(1, round(parameter.numel() * 0.2))
        assert int(torch.count_nonzero(parameter)) == expected, name
    again = open_bridges(tmp_path / "joint", *pair)
    assert same(again.sparse, found.sparse)
    assert same(again.bridges, found.bridges)


def test_a_dense_network_may_learn_too(pair, string_ops, tmp_path):
    config = FROZEN.model_copy(update={"dense": MAPS})
    found = train_bridges(config, *pair, string_ops, tmp_path / "dense")
    assert not same(found.dense, pair[0])
    assert same(found.sparse, pair[1])


def test_a_fresh_sparse_network_starts_anew(pair, string_ops, tmp_path):
    config = JOINT.model_copy(update={"sparse_start": "fresh"})
    first = train_bridges(config, *pair, string_ops, tmp_path / "first")
    # What it was before does not matter, but for its fingerprint.
    other = Transformer(pair[1].cfg, 9)
    second = train_bridges(config, pair[0], other, string_ops, tmp_path / "second")
    assert same(first.sparse, second.sparse)


@pytest.mark.parametrize("config", [FROZEN, JOINT], ids=["maps", "joint"])
def test_an_interrupted_run_resumes_and_ends_bit_identical(config, pair, string_ops, tmp_path):
    whole = train_bridges(config, *pair, string_ops, tmp_path / "whole")

    def stop(done: int, total: int, word: str) -> None:
        if done == 17:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_bridges(config, *pair, string_ops, tmp_path / "cut", stop)
    assert (tmp_path / "cut" / "checkpoint.safetensors").exists()
    steps: list[int] = []
    resumed = train_bridges(
        config, *pair, string_ops, tmp_path / "cut", lambda done, *_: steps.append(done)
    )
    assert steps[0] == 11
    assert same(resumed.bridges, whole.bridges)
    assert same(resumed.sparse, whole.sparse)
    timed = {"seconds": 0.0}
    assert resumed.result.model_copy(update=timed) == whole.result.model_copy(update=timed)
    assert read_jsonl(tmp_path / "cut" / "metrics.jsonl") == read_jsonl(
        tmp_path / "whole" / "metrics.jsonl"
    )
    assert not (tmp_path / "cut" / "checkpoint.safetensors").exists()


def test_finished_bridges_are_opened_and_only_for_their_networks(pair, string_ops, tmp_path):
    folder = tmp_path / "maps"
    first = train_bridges(FROZEN, *pair, string_ops, folder)
    steps: list[int] = []
    again = train_bridges(FROZEN, *pair, string_ops, folder, lambda done, *_: steps.append(done))
    assert not steps
    assert same(again.bridges, first.bridges)
    other = Transformer(pair[1].cfg, 9)
    with pytest.raises(FileFormatError, match="made for the sparse network"):
        open_bridges(folder, pair[0], other)
    with pytest.raises(RunFolderError, match="other settings"):
        train_bridges(FROZEN, pair[0], other, string_ops, folder)


def test_networks_that_do_not_match_are_refused_before_anything_is_written(
    pair, string_ops, tmp_path
):
    deep = Transformer(MODEL.model_copy(update={"n_layers": 2}))
    with pytest.raises(SettingError, match="equally many layers"):
        train_bridges(FROZEN, pair[0], deep, string_ops, tmp_path / "maps")
    assert not (tmp_path / "maps").exists()


def test_divergence_is_one_clear_line(pair, string_ops, tmp_path):
    wild = MAPS.model_copy(update={"lr": 1e30, "gradient": "none", "warmup": 0.0})
    config = FROZEN.model_copy(update={"maps": wild})
    with pytest.raises(DivergedError, match="lower maps"):
        train_bridges(config, *pair, string_ops, tmp_path / "maps")


def test_unfinished_bridges_are_said_to_be(pair, tmp_path):
    with pytest.raises(FileFormatError, match="no finished bridges"):
        open_bridges(tmp_path, *pair)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"maps": SPARSE}, "maps are dense"),
        ({"sparse": SPARSE.model_copy(update={"steps": 5})}, "sparse.steps is 5"),
        ({"sparse_start": "fresh"}, "needs a sparse network that learns"),
        ({"sparse": SPARSE, "sparse_start": "fresh"}, "use maps_start 'random'"),
    ],
)
def test_contradictions_are_refused(settings, said):
    with pytest.raises(ValidationError, match=said):
        BridgeConfig(**({"maps": MAPS} | settings))
