"""What a person at a terminal sees: help, one line for every mistake, the right exit code."""

import json
import re
from pathlib import Path

import pytest
import torch

from netseams.cli.main import VERBS, run
from netseams.models import Transformer, TransformerConfig, save_model
from netseams_recipes import PRESETS, preset


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run, expect bad input (2) and exactly one line on stderr; return it."""
    assert run(list(arguments)) == 2
    said = capsys.readouterr().err
    assert said.startswith("netseams: ")
    assert said.count("\n") == 1
    assert "Traceback" not in said
    return said


def test_help_names_every_verb(capsys):
    assert run(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(verb in said for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        run([verb, "--help"])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert f"usage: netseams {verb}" in said
    assert "Args:" not in said


# Options are a promise: adding or losing one must be a decision.
OPTIONS = {
    "compare": {"preset", "out", "text", "seeds", "workers", "threads"},
    "train": {"out", "config", "preset", "corpus", "arm", "text", "seed", "threads"},
    "discover": {"out", "targets", "steps", "seed", "threads"},
    "evaluate": {"network", "seed"},
    "tasks": {"corpus", "text", "length"},
    "report": set(),
}


@pytest.mark.parametrize("verb", VERBS)
def test_options_are_those_promised(verb, capsys):
    with pytest.raises(SystemExit):
        run([verb, "--help"])
    found = set(re.findall(r"^\W*(?:-h, )?--([a-z]+)", capsys.readouterr().out, re.M))
    assert found - {"help"} == OPTIONS[verb]


def test_wrong_names_get_the_nearest_right_one(capsys, tmp_path):
    assert "did you mean 'compare'" in fails(capsys, "compar")
    assert "did you mean 'quick'" in fails(capsys, "compare", "--preset", "quik")
    assert "--sedes" in fails(capsys, "compare", "--sedes", "3")
    assert "--seeds" in fails(capsys, "compare", "--seeds", "many")
    assert "known: stdlib, string_ops" in fails(
        capsys, "train", "--out", str(tmp_path / "x"), "--corpus", "wikipedia"
    )


def test_impossible_numbers_are_refused(capsys):
    assert "at least 1" in fails(capsys, "compare", "--seeds", "0")
    assert "at least 1" in fails(capsys, "compare", "--workers", "0")


def test_bad_corpora_are_refused_in_one_line(capsys, tmp_path):
    out = str(tmp_path / "out")
    assert "does not exist" in fails(
        capsys, "compare", "--text", str(tmp_path / "nowhere"), "--out", out
    )
    binary = tmp_path / "binary.dat"
    binary.write_bytes(bytes(range(256)) * 100)
    assert "no UTF-8 text" in fails(capsys, "compare", "--text", str(binary), "--out", out + "2")
    short = tmp_path / "short.txt"
    short.write_text("a few words\n")
    assert "too short" in fails(capsys, "compare", "--text", str(short), "--out", out + "3")


def test_a_folder_of_something_else_is_left_alone(capsys, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    assert "choose a new or empty --out" in fails(
        capsys, "compare", "--preset", "smoke", "--out", str(tmp_path)
    )
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_files_that_are_not_ours_are_refused(capsys, tmp_path):
    assert "cannot read" in fails(capsys, "report", str(tmp_path))
    broken = tmp_path / "comparison.json"
    broken.write_text('{"format": "netseams.comparison", "version": 1')
    fails(capsys, "report", str(broken))
    broken.write_text(json.dumps({"format": "something.else"}))
    fails(capsys, "report", str(broken))
    assert "not a training run" in fails(capsys, "discover", str(tmp_path), "reverse")
    assert "cannot read" in fails(capsys, "evaluate", str(tmp_path), "--network", str(tmp_path))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of the tiny preset, made by the command line itself."""
    folder = tmp_path_factory.mktemp("runs") / "dense"
    arguments = ["--preset", "smoke", "--corpus", "string_ops", "--out", str(folder)]
    assert run(["train", *arguments]) == 0
    return folder


def test_train_discover_evaluate(trained, capsys, tmp_path):
    circuits = tmp_path / "circuits"
    loose = ["--targets", "2.4", "--steps", "10", "--out", str(circuits)]
    assert run(["discover", str(trained), "reverse", *loose]) == 0
    assert "nodes" in capsys.readouterr().out
    circuit = circuits / "target-2.4"
    assert run(["evaluate", str(circuit), "--network", str(trained)]) == 0
    said = capsys.readouterr().out
    assert all(kind in said for kind in ("mean", "zero", "resample"))


def test_a_target_that_is_never_reached_is_an_answer(trained, capsys, tmp_path):
    arguments = ["--targets", "0.0001", "--steps", "5", "--out", str(tmp_path)]
    assert run(["discover", str(trained), "reverse", *arguments]) == 0
    assert "not reached at any size" in capsys.readouterr().out


def test_unknown_task_and_damaged_files(trained, capsys, tmp_path):
    assert "did you mean 'reverse'" in fails(capsys, "discover", str(trained), "revers")
    circuits = tmp_path / "circuits"
    loose = ["--targets", "2.4", "--steps", "5", "--out", str(circuits)]
    run(["discover", str(trained), "reverse", *loose])
    capsys.readouterr()
    masks = circuits / "target-2.4" / "masks.safetensors"
    whole = masks.read_bytes()
    masks.write_bytes(whole[: len(whole) // 2])
    circuit = str(circuits / "target-2.4")
    assert "truncated" in fails(capsys, "evaluate", circuit, "--network", str(trained))
    masks.write_bytes(whole)
    model = trained / "model.safetensors"
    kept = model.read_bytes()
    try:
        other = Transformer(TransformerConfig.model_validate(shape_of(trained)), seed=9)
        save_model(model, other)
        said = fails(capsys, "evaluate", circuit, "--network", str(trained))
        assert "belongs to model" in said
        torch.save({"weights": torch.zeros(3)}, model)
        assert "pickle" in fails(capsys, "evaluate", circuit, "--network", str(trained))
        model.write_bytes(kept[:100])
        fails(capsys, "evaluate", circuit, "--network", str(trained))
    finally:
        model.write_bytes(kept)


def shape_of(folder: Path) -> dict:
    return json.loads((folder / "config.json").read_text())["model"]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_valid_config(name):
    config = preset(name)
    assert type(config).model_validate_json(config.model_dump_json()) == config
    for setting in config.settings:
        dense, sparse = setting.run("dense", 0), setting.run("weight_sparse", 0)
        assert dense.train.model_copy(update={"sparsity": sparse.train.sparsity}) == sparse.train
    assert PRESETS[name].minutes > 0


def test_standard_has_the_seeds_that_an_interval_needs():
    assert len(preset("standard").seeds) == 8
    assert preset("standard").settings == preset("quick").settings
