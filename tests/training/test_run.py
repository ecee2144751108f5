"""A run as a folder: resume after a kill, refusals, divergence."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from netseams.core import DivergedError, FileFormatError, RunFolderError
from netseams.corpora import StringOpsConfig
from netseams.models import TransformerConfig, model_fingerprint
from netseams.store import load_tensors, read_jsonl
from netseams.training import RunConfig, TrainConfig, WeightSparse, open_run, train

CONFIG = RunConfig(
    corpus=StringOpsConfig(length=6),
    model=TransformerConfig(n_layers=1, n_heads=2, d_model=32, d_mlp=64, n_ctx=14, d_vocab=19),
    train=TrainConfig(
        steps=400,
        batch_size=32,
        lr=1e-3,
        checkpoint_every=50,
        sparsity=WeightSparse(density=0.2),
    ),
)

_CHILD = """
import sys, torch
from pathlib import Path
from netseams.training import RunConfig, train
torch.set_num_threads(1)
train(RunConfig.read(Path(sys.argv[1])), Path(sys.argv[2]))
"""


def test_a_killed_run_resumes_and_ends_bit_identical(tmp_path):
    undisturbed = train(CONFIG, tmp_path / "undisturbed")
    config, folder = tmp_path / "config.json", tmp_path / "killed"
    config.write_text(CONFIG.model_dump_json())
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(config), str(folder)])
    checkpoint = folder / "checkpoint.safetensors"
    deadline = time.monotonic() + 120
    while not checkpoint.exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert checkpoint.exists(), "the child ended before it could be killed"
    assert not (folder / "result.json").exists()
    resumed = train(CONFIG, folder)
    first, second = undisturbed.load().state_dict(), resumed.load().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert read_jsonl(folder / "metrics.jsonl") == read_jsonl(
        tmp_path / "undisturbed" / "metrics.jsonl"
    )
    assert resumed.result.fingerprint == undisturbed.result.fingerprint
    assert not checkpoint.exists()


def test_a_finished_run_is_not_trained_again(tmp_path):
    short = CONFIG.model_copy(update={"train": CONFIG.train.model_copy(update={"steps": 5})})
    first = train(short, tmp_path / "run")
    stamp = (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns
    again = train(short, tmp_path / "run")
    assert again.result == first.result
    assert (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns == stamp
    assert model_fingerprint(again.load()) == first.result.fingerprint


def test_counts_are_those_of_the_stored_weights(tmp_path):
    short = CONFIG.model_copy(update={"train": CONFIG.train.model_copy(update={"steps": 20})})
    result = train(short, tmp_path / "run").result
    tensors, _ = load_tensors(tmp_path / "run" / "model.safetensors")
    assert result.n_parameters == sum(t.numel() for t in tensors.values())
    assert result.l0 == sum(int((t != 0).sum()) for t in tensors.values())
    blocks = [t for name, t in tensors.items() if name.startswith("blocks") and t.ndim == 2]
    assert result.l0_edges == sum(int((t != 0).sum()) for t in blocks)
    assert result.n_edge_weights == 4 * 32 * 32 + 2 * 32 * 64


def test_another_config_in_the_same_folder_is_refused(tmp_path):
    short = CONFIG.model_copy(update={"train": CONFIG.train.model_copy(update={"steps": 2})})
    train(short, tmp_path / "run")
    with pytest.raises(RunFolderError, match="other settings"):
        train(short.model_copy(update={"seed": 1}), tmp_path / "run")


def test_a_run_that_is_not_finished_or_not_one_is_said_to_be(tmp_path):
    with pytest.raises(FileFormatError, match="not a training run"):
        open_run(tmp_path)
    (tmp_path / "config.json").write_text(CONFIG.model_dump_json())
    with pytest.raises(FileFormatError, match="not finished"):
        open_run(tmp_path)


def test_a_damaged_checkpoint_is_refused_with_what_to_do(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.json").write_text(CONFIG.model_dump_json(indent=2))
    (folder / "checkpoint.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(FileFormatError, match="truncated"):
        train(CONFIG, folder)


def test_divergence_is_one_clear_line(tmp_path):
    wild = CONFIG.train.model_copy(update={"lr": 1e30, "gradient": "none", "warmup": 0.0})
    with pytest.raises(DivergedError, match="seed 0"):
        train(CONFIG.model_copy(update={"train": wild}), tmp_path / "run")


def test_the_config_beside_the_run_is_the_config(tmp_path):
    short = CONFIG.model_copy(update={"train": CONFIG.train.model_copy(update={"steps": 2})})
    train(short, tmp_path / "run")
    stored = json.loads((tmp_path / "run" / "config.json").read_text())
    assert stored == short.model_dump(mode="json")


def test_a_kill_before_the_first_logged_step_is_survived(tmp_path):
    often = CONFIG.train.model_copy(update={"steps": 20, "checkpoint_every": 10})
    config = CONFIG.model_copy(update={"train": often})

    def stop(done: int, total: int, word: str) -> None:
        if done == 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "run", stop)
    assert not (tmp_path / "run" / "metrics.jsonl").exists()
    resumed = train(config, tmp_path / "run")
    assert resumed.result.fingerprint == train(config, tmp_path / "whole").result.fingerprint
