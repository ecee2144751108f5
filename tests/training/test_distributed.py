"""Two and three local processes against one: the same kept sets, weights, files; and a death."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from launched import Launched

from netseams.core import ProcessLostError, SettingError
from netseams.corpora import StringOpsConfig
from netseams.masks import largest_mask, largest_mask_with_minimum
from netseams.models import TransformerConfig
from netseams.store import load_tensors, read_jsonl, save_tensors
from netseams.training import (
    Dense,
    Pruned,
    RandomSupport,
    RunConfig,
    TrainConfig,
    WeightSparse,
    train,
)
from netseams.training.distributed import Processes
from netseams.training.estimate import estimate

WORKER = str(Path(__file__).with_name("sharded_worker.py"))
CONFIG = RunConfig(
    corpus=StringOpsConfig(length=6),
    model=TransformerConfig(
        n_layers=2, n_heads=2, d_model=20, d_mlp=26, n_ctx=14, d_vocab=19, sinks=True, bigram=True
    ),
    train=TrainConfig(
        steps=12, batch_size=7, lr=1e-3, checkpoint_every=6,
        sparsity=WeightSparse(density=0.2, embed_density=0.5, min_alive=2),
    ),
)  # fmt: skip
ARMS = {
    "run-dense": Dense(),
    "run-pruned": Pruned(density=0.3, anneal_start=0.1, anneal_end=0.8),
    "run-random": RandomSupport(density=0.3),
    "run-sparse": CONFIG.train.sparsity,
}


def with_train(config: RunConfig, **changes) -> RunConfig:
    return config.model_copy(update={"train": config.train.model_copy(update=changes)})


def given_weights() -> dict[str, torch.Tensor]:
    """Uneven and few rows, so that pieces are uneven and empty; ties, zeros of both signs."""
    draws = torch.Generator().manual_seed(3)
    shapes = {"even": (6, 5), "uneven": (7, 9), "two_rows": (2, 6), "vector": (5,), "one": (1,)}
    shapes |= {"rows": (8, 7), "columns": (7, 8), "large": (60, 50)}
    weights = {n: torch.randn(*shape, generator=draws) for n, shape in shapes.items()}
    weights |= {
        "tied": torch.randint(-2, 3, (9, 8), generator=draws).float() * 0.5,
        "equal": torch.full((7, 3), -1.0),
        "zeros": torch.zeros(4, 4).mul_(-1),
    }
    return weights


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Every arm on one process."""
    folder = tmp_path_factory.mktemp("alone")
    return {
        name: train(with_train(CONFIG, sparsity=arm), folder / name) for name, arm in ARMS.items()
    }


def hide_gpus() -> dict[str, str]:
    """The environment for processes that have cores of their own, and no GPU each."""
    return os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def start(folder: Path, size: int, environment: dict[str, str]) -> None:
    """The worker on `size` processes, as a user starts them."""
    save_tensors(folder / "given.safetensors", given_weights(), {})
    (folder / "config.json").write_text(CONFIG.model_dump_json())
    command = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(size)]
    done = subprocess.run(
        [sys.executable, *command, WORKER, str(folder)],
        env=environment, timeout=240, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module", params=[2, pytest.param(3, marks=pytest.mark.slow)])
def together(request, tmp_path_factory):
    """Number of processes, their folder, and what each found.

    Two start under `torchrun` and train every arm from the beginning; three go on from
    checkpoints that one process wrote.
    """
    size, folder = request.param, tmp_path_factory.mktemp(f"together-{request.param}")
    arms = ARMS if size == 2 else {name: ARMS[name] for name in ("run-pruned", "run-sparse")}
    for name, arm in arms.items():
        config = with_train(CONFIG, sparsity=arm)
        (folder / f"{name}.json").write_text(config.model_dump_json())
        if size == 3:
            with pytest.raises(KeyboardInterrupt):
                train(config, folder / name, stop_at_eight)
    if size == 2:
        start(folder, 2, hide_gpus())
    else:
        save_tensors(folder / "given.safetensors", given_weights(), {})
        (folder / "config.json").write_text(CONFIG.model_dump_json())
        ended = Launched(3, WORKER, str(folder)).ends(within=240)
        assert [code for code, _ in ended] == [0, 0, 0], ended
    found = [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in range(size)]
    return size, folder, found


def runs(found) -> list[str]:
    return [name for name in found[0] if name.startswith("run-")]


def stop_at_eight(done: int, total: int, word: str) -> None:
    if done == 8:
        raise KeyboardInterrupt


def test_the_kept_set_is_that_of_one_process(together):
    kept_sets_are_equal(together[1])


def kept_sets_are_equal(folder: Path) -> None:
    kept, _ = load_tensors(folder / "kept.safetensors")
    for name, weight in given_weights().items():
        k = weight.numel() // 3
        assert torch.equal(kept[f"plain.{name}"], weight * largest_mask(weight, k)), name
        if name == "rows":
            mask = largest_mask_with_minimum(weight, k, 2, dim=1)
        elif name == "columns":
            mask = largest_mask_with_minimum(weight, k, 2, dim=0)
        else:
            mask = largest_mask(weight, k)
        assert torch.equal(kept[f"bounded.{name}"], weight * mask), name


def test_pieces_were_uneven_and_empty(together):
    size, _, found = together
    assert [part["rows"]["uneven"] for part in found] == ([4, 3] if size == 2 else [3, 3, 1])
    assert [part["rows"]["one"] for part in found] == [1] + [0] * (size - 1)


def test_at_most_four_collectives_select_for_all_matrices(together):
    _, _, found = together
    for part in found:
        assert sum(part["plain"].values()) == 3
        assert sum(part["bounded"].values()) == 4


def test_what_cannot_be_selected_from_is_refused(together):
    for part in together[2]:
        placed, half = part["refused"]
        assert "split by rows" in placed
        assert "float32" in half


def test_every_arm_ends_with_the_weights_of_one_process(together, alone):
    _, folder, found = together
    for name in runs(found):
        ours, _ = load_tensors(folder / name / "model.safetensors")
        theirs, _ = load_tensors(alone[name].folder / "model.safetensors")
        assert ours.keys() == theirs.keys()
        for key, weight in theirs.items():
            torch.testing.assert_close(ours[key], weight, rtol=1e-3, atol=2e-6)
        result = alone[name].result.model_dump()
        for part in found:
            assert part[name]["l0"] == result["l0"]
            assert part[name]["valid_loss"] == pytest.approx(result["valid_loss"], abs=1e-4)


def test_files_are_those_of_one_process(together, alone):
    _, folder, found = together
    for name in runs(found):
        files = {path.name for path in (folder / name).iterdir()}
        assert files == {path.name for path in alone[name].folder.iterdir()}
        for ours, theirs in zip(
            read_jsonl(folder / name / "metrics.jsonl"),
            read_jsonl(alone[name].folder / "metrics.jsonl"),
            strict=True,
        ):
            assert ours == pytest.approx(theirs, abs=1e-4)
        assert all(part[name] == found[0][name] for part in found)


def test_memory_is_what_was_estimated(together):
    size, _, found = together
    expected = estimate(CONFIG, size)
    assert found[0]["measured"]["weights"] == expected.weights
    assert found[0]["measured"]["moments"] == expected.moments
    assert all(part["measured"]["weights"] <= expected.weights for part in found)
    # Nothing is held twice: the pieces together are the model.
    assert sum(part["measured"]["weights"] for part in found) == 4 * expected.parameters


def test_a_step_makes_the_collectives_that_were_estimated(together):
    expected = estimate(CONFIG, together[0])
    assert expected.selection_collectives == 4
    for part in together[2]:
        step = part["measured"]["step"]
        assert step.pop("_allgather_base_") == 1 + 2 * CONFIG.model.n_layers  # root once
        assert step.pop("_reduce_scatter_base_") == 1 + CONFIG.model.n_layers
        # What remains but the loss and the gradient's norm.
        assert sum(step.values()) - 2 == expected.selection_collectives


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_does_the_same_under_torchrun(tmp_path, alone):
    """One process with nccl: the pieces are whole, the collectives and kernels are a GPU's."""
    for name, arm in ARMS.items():
        (tmp_path / f"{name}.json").write_text(with_train(CONFIG, sparsity=arm).model_dump_json())
    start(tmp_path, 1, dict(os.environ))
    kept_sets_are_equal(tmp_path)
    found = json.loads((tmp_path / "rank-0.json").read_text())
    assert (sum(found["plain"].values()), sum(found["bounded"].values())) == (3, 4)
    for name in ARMS:
        result = alone[name].result
        assert found[name]["l0"] == result.l0
        assert found[name]["valid_loss"] == pytest.approx(result.valid_loss, abs=2e-3)


def test_fewer_sequences_than_processes_are_refused():
    class Nine(Processes):
        rank, size = 0, 9

        def __init__(self) -> None: ...

    with pytest.raises(SettingError, match=r"batch of 7 sequences .* 9 processes"):
        Nine().check_batch(CONFIG.train.batch_size)


def test_when_a_process_dies_the_others_say_so_and_one_process_goes_on(tmp_path):
    config = with_train(CONFIG, steps=400, checkpoint_every=10)
    path, folder = tmp_path / "config.json", tmp_path / "run"
    path.write_text(config.model_dump_json())
    verb = ("-m", "netseams.cli.main", "train", "--config", str(path), "--out", str(folder))
    launched = Launched(3, *verb)
    checkpoint, deadline = folder / "checkpoint.safetensors", time.monotonic() + 240
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    launched.processes[1].kill()
    (first, said), (killed, _), (last, also) = launched.ends(within=120)
    assert checkpoint.exists(), said
    assert killed == -signal.SIGKILL
    for code, line in ((first, said), (last, also)):
        assert code == ProcessLostError.exit_code, line
        assert line.startswith("netseams: another process of this run has ended")
        assert line.count("\n") == 1
    _, header = load_tensors(checkpoint)
    seen: list[int] = []
    result = train(config, folder, lambda done, total, word: seen.append(done)).result
    assert seen[0] == int(header["step"]) + 1
    assert result.groups["block"].l0 == estimate(config, 1).groups["block"].l0
    steps = [row["step"] for row in read_jsonl(folder / "metrics.jsonl")]
    assert steps == list(range(25, 401, 25))
