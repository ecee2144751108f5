"""What a person at a terminal sees: help, one line for every mistake, the right exit code."""

import json
import re
from pathlib import Path

import pytest
import torch
from pydantic import BaseModel, model_serializer

from netseams.cli import main
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


class Interrupted(BaseModel):
    """Ctrl-C while it is written."""

    @model_serializer
    def _write(self) -> dict[str, int]:
        raise KeyboardInterrupt


class Broken(BaseModel):
    """A defect while it is written."""

    @model_serializer
    def _write(self) -> dict[str, int]:
        raise ZeroDivisionError


@pytest.mark.parametrize(("written", "code"), [(Interrupted(), 130), (Broken(), None)])
def test_an_interrupt_inside_a_serializer_is_one(written, code, monkeypatch, capsys) -> None:
    """pydantic makes an error of its own of it; one of ours must not pass for an interrupt."""
    monkeypatch.setattr(main, "_verb", lambda name: lambda arguments: written.model_dump())
    if code is None:
        with pytest.raises(Exception, match="ZeroDivisionError"):
            run(["power"])
        return
    assert run(["power"]) == code
    assert capsys.readouterr().err.startswith("netseams: interrupted")


# Options are a promise: adding or losing one must be a decision.
OPTIONS = {
    "sweep": {"out", "on", "workers", "threads", "address"},
    "frontier": {"plan", "target", "out"},
    "compare": {"preset", "out", "text", "models", "seeds", "workers", "threads", "device"},
    "train": {
        "out",
        "config",
        "recipe",
        "preset",
        "corpus",
        "arm",
        "text",
        "seed",
        "threads",
        "device",
    },
    "plan": {"devices", "config", "recipe", "preset", "corpus", "arm", "batch", "n", "d"},
    "discover": {"out", "targets", "steps", "seed", "threads", "device", "search", "trials"},
    "experiment": {"preset", "out", "seeds", "workers", "threads"},
    "claims": {"preset", "out", "workers", "seeds"},
    "why": {"out"},
    "power": {"out", "repeats", "seed"},
    "evaluate": {"network", "seed", "device"},
    "audit": {"network", "out", "match", "seed", "workers", "threads", "device"},
    "model": set(),
    "bridge": {"dense", "sparse", "out", "learn", "tasks", "steps", "seed", "threads"},
    "pack": {"out", "made"},
    "export": {"run", "to", "out", "threads"},
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


def test_a_recipe_is_found_by_name_or_refused(capsys, tmp_path):
    out = str(tmp_path / "x")
    assert "did you mean 'script-small'" in fails(
        capsys, "train", "--out", out, "--recipe", "scriptsmall"
    )
    assert "give one of them" in fails(
        capsys, "train", "--out", out, "--recipe", "script", "--config", "config.json"
    )
    assert "reads no text" in fails(
        capsys, "train", "--out", out, "--recipe", "two_slots", "--text", "README.md"
    )


def test_impossible_numbers_are_refused(capsys):
    assert "at least 1" in fails(capsys, "compare", "--seeds", "0")
    assert "at least 1" in fails(capsys, "compare", "--workers", "0")


def test_a_plan_starts_nothing_and_says_what_a_run_takes(capsys, tmp_path):
    shape = ["--n-layers", "8", "--d-model", "1024", "--d-vocab", "2048", "--n-ctx", "256"]
    assert run(["plan", "--devices", "8", "--batch-size", "64", *shape]) == 0
    said = " ".join(capsys.readouterr().out.split())
    # 8 x 12 x 1024^2, 2 x 2048 x 1024 + 256 x 1024, 8 x 9 x 1024, 2048^2 in the bigram table
    assert "64 heads, d_mlp 4096" in said
    assert f"{8 * 12 * 2**20 + 4 * 2**20 + 2**18 + 72 * 1024 + 4 * 2**20:,} parameters" in said
    assert "block 100,663,296 5,033,1" in said
    assert "weights 54.7 MB" in said  # an eighth of 4 bytes each
    assert "(3 collectives)" in said
    config = tmp_path / "config.json"
    config.write_text(preset("smoke").settings[0].run("dense", 0).model_dump_json())
    assert run(["plan", "--config", str(config)]) == 0
    assert "dense network of 1 layers, d_model 32" in capsys.readouterr().out
    assert "640 devices for batches of 32" in fails(capsys, "plan", "--devices", "640")
    assert "must divide d_model 33" in fails(capsys, "plan", "--d-model", "33", "--n-heads", "2")


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


@pytest.fixture(scope="module")
def circuit(trained, tmp_path_factory):
    """A circuit found in `trained`."""
    folder = tmp_path_factory.mktemp("circuits")
    loose = ["--targets", "2.4", "--steps", "10", "--out", str(folder)]
    assert run(["discover", str(trained), "reverse", *loose]) == 0
    return folder / "target-2.4"


@pytest.mark.parametrize("to", ["torch", pytest.param("onnx", marks=pytest.mark.slow)])
def test_export(trained, circuit, capsys, tmp_path, to):
    out = tmp_path / ("small" if to == "torch" else "small.onnx")
    given = ["--run", str(trained), "--to", to, "--out", str(out)]
    assert run(["export", str(circuit), *given]) == 0
    said = capsys.readouterr().out
    assert float(re.search(r"largest difference .*: (\S+)$", said.strip(), re.S)[1]) < 1e-5
    written = sorted(path.name for path in out.iterdir()) if to == "torch" else [out.name]
    assert written == {
        "torch": ["circuit.safetensors", "run_circuit.py"], "onnx": ["small.onnx"],
    }[to]  # fmt: skip


def test_export_refusals(trained, circuit, capsys, tmp_path):
    out, given = tmp_path / "small", ["export", str(circuit), "--run", str(trained)]
    assert "must end in .onnx" in fails(capsys, *given, "--to", "onnx", "--out", str(out))
    fails(capsys, *given, "--to", "pickle", "--out", str(out))
    assert "not a training run" in fails(
        capsys, "export", str(circuit), "--run", str(tmp_path), "--out", str(out)
    )
    assert not out.exists()


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
        digests = {setting.run(arm, 0).digest() for arm in setting.arm_names}
        assert len(digests) == len(setting.arms)
        assert len({setting.run(arm, 0).train.steps for arm in setting.arm_names}) == 1
    assert (PRESETS[name].minutes or 1) > 0


def test_own_text_takes_the_place_of_the_stdlib_in_every_arm(tmp_path, capsys):
    (tmp_path / "own.txt").write_text("words")
    (setting,) = preset("arms-text", tmp_path / "own.txt").settings
    assert setting.corpus.kind == "text"
    assert setting.arms == preset("arms").settings[0].arms
    own = ("compare", "--preset", "frontier", "--text", str(tmp_path))
    assert "reads no text: with --text take" in fails(capsys, *own)


def test_an_unknown_arm_is_named(capsys, tmp_path):
    arguments = ("train", "--preset", "arms", "--arm", "prund", "--out", str(tmp_path / "x"))
    assert "did you mean 'pruned'" in fails(capsys, *arguments)


def test_standard_has_the_seeds_that_an_interval_needs():
    assert len(preset("standard").seeds) == 8
    assert preset("standard").settings == preset("quick").settings
