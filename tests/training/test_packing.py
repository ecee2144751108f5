"""A packed run becomes a run again, with numbers of its own."""

from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from netseams.core import FileFormatError, RunFolderError, generator
from netseams.corpora import StringOpsConfig, load_corpus
from netseams.models import TransformerConfig, load_model, model_fingerprint
from netseams.training import RunConfig, TrainConfig, TrainedRun, WeightSparse, open_run, train
from netseams.training.packing import pack_run, packed_runs, unpack_run

CONFIG = RunConfig(
    corpus=StringOpsConfig(length=4),
    model=TransformerConfig(n_layers=1, n_heads=2, d_model=16, d_mlp=32, n_ctx=10, d_vocab=19),
    train=TrainConfig(steps=20, batch_size=16, lr=1e-2, sparsity=WeightSparse(density=0.2)),
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    return train(CONFIG, tmp_path_factory.mktemp("runs") / "one")


@pytest.fixture
def packed(run: TrainedRun, tmp_path: Path) -> Path:
    pack_run(run, tmp_path / "zoo" / "one")
    return tmp_path / "zoo"


def test_it_is_found_by_its_config_and_unpacks_to_a_finished_run(
    packed: Path, tmp_path: Path
) -> None:
    back = unpack_run(packed_runs(packed)[CONFIG.digest()], tmp_path / "back")
    assert back.config == CONFIG
    assert open_run(tmp_path / "back").result == back.result
    assert model_fingerprint(back.load()) == back.result.fingerprint


def test_its_losses_are_those_of_the_rounded_network(
    run: TrainedRun, packed: Path, tmp_path: Path
) -> None:
    back = unpack_run(packed / "one", tmp_path / "back")
    assert back.result.fingerprint != run.result.fingerprint
    assert back.result.l0 == sum(int((p != 0).sum()) for p in back.load().parameters())
    corpus, draws = load_corpus(CONFIG.corpus), generator("validation", "test")
    losses = []
    for _ in range(8):  # by hand: 512 sequences in batches of 64
        batch = corpus.batch("test", 64, 10, draws)
        with torch.no_grad():
            logits = back.load()(batch.inputs)
        losses.append(float(cross_entropy(logits.flatten(0, 1), batch.targets.flatten())))
    assert back.result.test_loss == pytest.approx(sum(losses) / 8)


def test_training_again_in_its_folder_keeps_it(packed: Path, tmp_path: Path) -> None:
    back = unpack_run(packed / "one", tmp_path / "back")
    assert train(CONFIG, tmp_path / "back").result == back.result


def test_a_folder_of_another_run_is_refused(packed: Path, tmp_path: Path) -> None:
    train(CONFIG.model_copy(update={"seed": 1}), tmp_path / "other")
    with pytest.raises(RunFolderError, match="other settings"):
        unpack_run(packed / "one", tmp_path / "other")


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="holds no packed run"):
        packed_runs(tmp_path)


def test_a_packed_run_opens_like_any_other(packed: Path, tmp_path: Path) -> None:
    opened = open_run(packed / "one")
    assert model_fingerprint(opened.load()) == opened.result.fingerprint
    assert model_fingerprint(load_model(packed / "one")) == opened.result.fingerprint
