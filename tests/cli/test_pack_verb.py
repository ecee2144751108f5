"""`netseams pack`, and a comparison that takes its networks from packed runs."""

import json
from pathlib import Path

import pytest

from netseams.cli.main import run
from netseams.comparison import CompareConfig, compare
from netseams.core import SettingError
from netseams.training import open_run, train
from small_comparison import SMALL


@pytest.fixture(scope="module")
def short() -> CompareConfig:
    """Networks of 20 steps, which learn nothing."""
    setting = SMALL.settings[0]
    quick = setting.train.model_copy(update={"steps": 20})
    search = setting.search.model_copy(update={"steps": 4})
    setting = setting.model_copy(update={"train": quick, "search": search})
    return SMALL.model_copy(update={"settings": (setting,)})


@pytest.fixture(scope="module")
def zoo(short: CompareConfig, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("zoo")
    for arm in ("dense", "weight_sparse"):
        train(short.settings[0].run(arm, 0), folder / "runs" / arm)
        assert run(["pack", str(folder / "runs" / arm), "--out", str(folder / "packed" / arm)]) == 0
    return folder / "packed"


def test_the_card_says_what_the_files_say(zoo: Path) -> None:
    card = (zoo / "weight_sparse" / "CARD.md").read_text()
    result = open_run(zoo / "weight_sparse").result
    assert f"{result.test_loss:.3f} on test files" in card
    assert f"(edges) {result.n_edge_weights:,}, not zero {result.l0_edges:,}" in card
    assert result.fingerprint in card
    rows = [line.split(" | ") for line in card.splitlines() if line.startswith("| ")][1:]
    names = ["reverse", "rotate", "swap_pairs", "increment", "complement", "add_five"]
    assert [row[0].removeprefix("| ") for row in rows] == names
    assert {row[-1] for row in rows} == {"no |"}


def test_a_comparison_uses_them_and_trains_nothing(
    short: CompareConfig, zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: object) -> None:
        raise AssertionError("trained")

    monkeypatch.setattr("netseams.training.run.Trainer", never)
    compare(short, tmp_path / "out", models=zoo)
    written = json.loads((tmp_path / "out" / "comparison.json").read_text())
    losses = {row["arm"]: row["test_loss"] for row in written["networks"]}
    assert losses == {arm: open_run(zoo / arm).result.test_loss for arm in losses}


def test_a_network_that_is_not_there_is_named(
    short: CompareConfig, zoo: Path, tmp_path: Path
) -> None:
    config = short.model_copy(update={"seeds": (0, 1)})
    with pytest.raises(SettingError, match=r"no dense network of seed 1 .*holds dense, weight"):
        compare(config, tmp_path / "out", models=zoo)


def test_a_circuit_of_a_packed_run_is_exported(
    zoo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_folder, circuits = str(zoo / "weight_sparse"), tmp_path / "circuits"
    loose = ["--targets", "2.6", "--steps", "4", "--out", str(circuits)]
    assert run(["discover", run_folder, "reverse", *loose]) == 0
    found = str(circuits / "target-2.6")
    out = str(tmp_path / "exported")
    assert run(["export", found, "--run", run_folder, "--to", "torch", "--out", out]) == 0
    size = (zoo / "weight_sparse" / "model.packed").stat().st_size
    assert f"its network: {size / 1e3:.0f} kB" in capsys.readouterr().out
