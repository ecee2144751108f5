"""`netseams bridge` from two run folders to a table and a file."""

import json

import pytest

from netseams.cli.main import run
from netseams.corpora import StringOpsConfig
from netseams.models import TransformerConfig
from netseams.training import RunConfig, TrainConfig, WeightSparse, train

MODEL = TransformerConfig(n_layers=1, n_heads=2, d_model=16, d_mlp=32, n_ctx=14, d_vocab=19)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders of a dense and a wider weight-sparse run that have learned a little."""
    folder = tmp_path_factory.mktemp("runs")
    sparsity = WeightSparse(density=0.5, anneal="none", lr_rule="none")
    for name, model, arm in (
        ("dense", MODEL, {}),
        ("sparse", MODEL.model_copy(update={"d_model": 24}), {"sparsity": sparsity}),
        ("deep", MODEL.model_copy(update={"n_layers": 2}), {"steps": 1}),
    ):
        settings = {"steps": 120, "batch_size": 32, "lr": 5e-3} | arm
        config = RunConfig(
            corpus=StringOpsConfig(length=6), model=model, train=TrainConfig(**settings)
        )
        train(config, folder / name)
    return folder


@pytest.mark.parametrize("learn", ["maps", "joint"])
def test_bridges_are_trained_measured_and_printed(runs, learn, tmp_path, capsys):
    command = [
        "bridge", "--dense", str(runs / "dense"), "--sparse", str(runs / "sparse"),
        "--out", str(tmp_path / "out"), "--tasks", "reverse", "--steps", "6", "--learn", learn,
    ]  # fmt: skip
    assert run(command) == 0
    said = capsys.readouterr().out
    for word in ("trained", "ridge", "untrained", "constant", "all channels", "measures.json"):
        assert word in said
    stored = json.loads((tmp_path / "out" / "measures.json").read_text(encoding="utf-8"))
    assert stored["format"] == "netseams.bridge_measures"
    assert len(stored["constant"]["hybrids"]) == 6
    config = json.loads((tmp_path / "out" / "config.json").read_text(encoding="utf-8"))
    assert (config["bridges"]["sparse"] is None) == (learn == "maps")
    assert (tmp_path / "out" / "sparse.safetensors").exists() == (learn == "joint")


def test_networks_that_do_not_match_are_one_line(runs, tmp_path, capsys):
    ends = ["--dense", str(runs / "dense"), "--sparse", str(runs / "deep")]
    assert run(["bridge", *ends, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "equally many layers: the dense one has 1, the sparse one 2" in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()
