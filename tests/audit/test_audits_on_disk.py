"""`netseams audit` from a folder to a card: found, resumed, refused."""

import json

import pytest

from netseams.audit import AuditCard
from netseams.audit.places import circuits_in, home_of
from netseams.circuits import load_circuit, random_circuit, save_circuit
from netseams.cli.main import run
from netseams.core import CircuitMismatchError, FileFormatError
from netseams.corpora import StringOpsConfig
from netseams.models import TransformerConfig
from netseams.training import RunConfig, TrainConfig, train

QUICK = {"sufficient", "random", "necessary", "random_removed", "agreement", "all_inputs",
         "stochastic", "adversarial", "interchange", "frozen_norms"}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A small run that has learned next to nothing, and a circuit in it."""
    folder = tmp_path_factory.mktemp("audit")
    shape = TransformerConfig(n_layers=1, n_heads=2, d_model=16, d_mlp=16, n_ctx=10, d_vocab=19)
    config = RunConfig(
        corpus=StringOpsConfig(length=4), model=shape, train=TrainConfig(steps=3, batch_size=8)
    )
    trained = train(config, folder / "runs" / "one")
    assert run(["discover", str(folder / "runs" / "one"), "reverse", "--steps", "4",
                "--targets", "9", "--out", str(folder / "circuits")]) == 0  # fmt: skip
    return folder, trained


def test_a_circuit_finds_its_run_and_leaves_a_card(made, capsys) -> None:
    folder, trained = made
    path = folder / "circuits" / "target-9"
    assert circuits_in(folder) == [path]
    assert home_of(path, load_circuit(path)).folder == trained.folder
    assert run(["audit", str(path), "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert "none" in said
    assert "never learned the task" in " ".join(said.split())
    card = AuditCard.read(path / "audit" / "card.json")
    assert card.word == "none"
    assert {f.check for f in card.findings} >= QUICK
    assert (path / "audit" / "card.md").read_text().startswith("# reverse on string_ops")
    # One check's file is gone, as after a kill: it alone is asked again.
    checks = path / "audit" / "checks"
    times = {f.name: f.stat().st_mtime_ns for f in checks.iterdir()}
    (checks / "random.json").unlink()
    (path / "audit" / "card.json").unlink()
    assert run(["audit", str(folder), "--match", "target-9", "--workers", "1"]) == 0
    after = {f.name: f.stat().st_mtime_ns for f in checks.iterdir()}
    assert {name for name in times if times[name] != after[name]} == {"random.json"}
    assert AuditCard.read(path / "audit" / "card.json").word == card.word


def test_what_cannot_be_audited_gets_one_line(made, tmp_path, capsys) -> None:
    folder, trained = made
    path = folder / "circuits" / "target-9"

    def fails(*arguments: str) -> str:
        assert run(["audit", *arguments]) == 2
        return capsys.readouterr().err

    assert "holds no circuit.json" in fails(str(tmp_path))
    assert "has 'nowhere' in its path" in fails(str(path), "--match", "nowhere")
    assert "is not a training run" in fails(str(path), "--network", str(tmp_path))
    other = random_circuit(load_circuit(path), trained.load(), 0)
    save_circuit(tmp_path / "far" / "away", other)
    assert "give the folder of its training run with --network" in fails(str(tmp_path / "far"))
    assert run(["audit", str(path), "--out", str(tmp_path / "cards"), "--workers", "1"]) == 0
    assert "holds a run with other settings" in fails(
        str(path), "--out", str(tmp_path / "cards"), "--seed", "1"
    )
    card = json.loads((path / "circuit.json").read_text())
    card["model_fingerprint"] = "0" * 16
    broken = tmp_path / "broken"
    save_circuit(broken, load_circuit(path))
    (broken / "circuit.json").write_text(json.dumps(card))
    assert "belongs to network 0000000000000000" in fails(
        str(broken), "--network", str(trained.folder)
    )
    (broken / "circuit.json").write_text("{")
    assert "circuit.json" in fails(str(broken), "--network", str(trained.folder))


def test_errors_are_typed(made, tmp_path) -> None:
    folder, trained = made
    path = folder / "circuits" / "target-9"
    with pytest.raises(FileFormatError):
        circuits_in(tmp_path)
    lost = tmp_path / "lost"
    save_circuit(lost, load_circuit(path))
    with pytest.raises(CircuitMismatchError):
        home_of(lost, load_circuit(lost))
    assert home_of(lost, load_circuit(lost), trained.folder).folder == trained.folder
