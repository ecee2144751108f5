"""An exported circuit computes what the masked model computes, also where netseams is not."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_compiled import (
    OPTIONS,
    Options,
    circuit_of,
    random_fill,
    random_nodes,
    random_tokens,
    sparse_model,
)
from torch import Tensor

from netseams.circuits import (
    Calibration,
    Circuit,
    CompiledCircuit,
    Difference,
    OnnxCircuit,
    check_difference,
    difference_from_masked,
    export_onnx,
    export_torch,
    load_compiled,
    onnx,
)
from netseams.core import CircuitMismatchError, FileFormatError, SettingError, generator
from netseams.interventions import ABLATIONS, ablation_fill, masked_hooks
from netseams.masks import keep_largest_
from netseams.models import Transformer, TransformerConfig, sites_of

PLAIN: Options = ("learned", None, False, False)
ALL: Options = ("none", 0.25, True, True)

ALONE = """
import sys
sys.modules["netseams"] = None  # importing it fails
import torch
from run_circuit import load
model = load("circuit.safetensors")
tokens, answers = torch.load("tokens"), torch.load("answers")
torch.save((model(tokens), model(tokens, answers)), "logits")
assert [name for name in sys.modules if name.startswith("netseams")] == ["netseams"]
"""


def run_alone(folder: Path, tokens: Tensor, answers: Tensor) -> tuple[Tensor, Tensor]:
    """Logits from an interpreter that sees the exported folder and installed packages only."""
    torch.save(tokens, folder / "tokens")
    torch.save(answers, folder / "answers")
    packages = {str(Path(module.__file__ or "").parents[1]) for module in (torch, json)}
    paths = [p for p in sys.path if "site-packages" in p or p in packages]
    code = f"import sys; sys.path[:0] = {[str(folder), *paths]!r}\n{ALONE}"
    subprocess.run([sys.executable, "-S", "-E", "-c", code], cwd=folder, check=True)
    return torch.load(folder / "logits", weights_only=True)


def wide_model() -> Transformer:
    """Large matrices of few weights: those that are stored by their non-zeros."""
    model = Transformer(
        TransformerConfig(n_layers=1, n_heads=4, d_model=256, d_mlp=260, n_ctx=12, d_vocab=50)
    )
    draws = generator("wide")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(0.0, 0.1, generator=draws)
            if parameter.ndim == 2 and name.startswith("blocks"):
                keep_largest_(parameter, parameter.numel() // 40)
    return model


def everything(model: Transformer) -> Circuit:
    return circuit_of(model, {s.name: torch.ones(s.width).bool() for s in sites_of(model.cfg)})


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_round_trip_keeps_every_logit(options: Options, tmp_path: Path) -> None:
    model = sparse_model(options)
    nodes, tokens = random_nodes(model, 0.5), random_tokens(model)
    for kind in ABLATIONS[:2]:  # a resampled activation is no constant
        fill = ablation_fill(kind, model, random_fill(model), tokens)
        written = export_torch(circuit_of(model, nodes), model, fill, tmp_path)
        read = load_compiled(tmp_path)
        assert torch.equal(read(tokens), written(tokens))
        assert read.card == written.card
        with torch.no_grad():
            expected = model.run_with_hooks(tokens, masked_hooks(nodes, fill))
        torch.testing.assert_close(read(tokens), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("options", [PLAIN, ALL], ids=str)
def test_runs_without_netseams(options: Options, tmp_path: Path) -> None:
    model = sparse_model(options)
    nodes, fill, tokens = random_nodes(model, 0.5), random_fill(model), random_tokens(model)
    export_torch(circuit_of(model, nodes), model, fill, tmp_path)
    answers = torch.tensor([[0, 10], [3, 4], [9, 9], [10, 1], [5, 6]])
    for asked, logits in zip((None, answers), run_alone(tmp_path, tokens, answers), strict=True):
        with torch.no_grad():
            expected = model.run_with_hooks(tokens, masked_hooks(nodes, fill), asked)
        torch.testing.assert_close(logits, expected, rtol=0, atol=1e-5)


def test_large_matrices_of_few_weights_are_sparse(tmp_path: Path) -> None:
    model = wide_model()
    circuit, fill = everything(model), random_fill(model)
    tokens = torch.randint(50, (5, 11), generator=generator("tokens"))
    written = export_torch(circuit, model, fill, tmp_path)
    dense = CompiledCircuit(circuit, model, fill, products="dense")
    assert set(written.card.sparse) == {
        f"0/{name}" for name in ("q", "k", "v", "out", "up", "down")
    }
    assert not dense.card.sparse
    with torch.no_grad():
        expected = model(tokens)
    for module in (written, load_compiled(tmp_path), dense):
        torch.testing.assert_close(module(tokens), expected, rtol=0, atol=1e-5)
    logits, _ = run_alone(tmp_path, tokens, torch.zeros(5, 1, dtype=torch.long))
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-5)


def test_without_mkl_they_are_dense(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = wide_model()
    circuit, fill, tokens = everything(model), random_fill(model), torch.arange(10).view(1, 10)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)
    written = export_torch(circuit, model, fill, tmp_path)
    assert not written.get_buffer("0/up/weight").is_sparse_csr
    monkeypatch.undo()
    read = load_compiled(tmp_path)
    torch.testing.assert_close(read(tokens), written(tokens), rtol=0, atol=1e-5)


@pytest.mark.parametrize("options", [pytest.param(PLAIN, marks=pytest.mark.slow), ALL], ids=str)
def test_onnx_equals_the_masked_model_at_every_batch_and_length(
    options: Options, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime", reason="the onnx extra is not installed")
    model = sparse_model(options)
    nodes, fill = random_nodes(model, 0.5), random_fill(model)
    for site in ("hook_attn_out", "hook_mlp_out"):
        nodes[f"blocks.0.{site}"].fill_(True)  # whole sites are a case of their own
    circuit, path = circuit_of(model, nodes), tmp_path / "circuit.onnx"
    export_onnx(circuit, model, fill, path)
    for shape in ((5, 11), (1, 12), (7, 1)):
        tokens = torch.randint(50, shape, generator=generator("tokens", *shape))
        found = difference_from_masked(OnnxCircuit(path), circuit, model, fill, tokens)
        assert found.positions == tokens.numel()
        assert found.largest < 1e-5


CANDIDATES = torch.tensor([7, 3, 30])
CALIBRATION = Calibration(scale=1.75, shift=(0.5, -1.25, 0.75))


def calibrated(model: Transformer) -> Circuit:
    return replace(circuit_of(model, random_nodes(model, 0.5)), calibration=CALIBRATION)


def calibrated_by_hand(model: Transformer, circuit: Circuit, tokens: Tensor) -> Tensor:
    with torch.no_grad():
        logits = model.run_with_hooks(tokens, masked_hooks(circuit.nodes, random_fill(model)))
    expected = 1.75 * logits
    expected[..., 7] += 0.5
    expected[..., 3] -= 1.25
    expected[..., 30] += 0.75
    return expected


@pytest.mark.parametrize("options", [PLAIN, ALL], ids=str)
def test_a_calibration_is_exported_with_its_circuit(options: Options, tmp_path: Path) -> None:
    model = sparse_model(options)
    circuit, fill, tokens = calibrated(model), random_fill(model), random_tokens(model)
    before = {name: x.clone() for name, x in model.state_dict().items()}
    export_torch(circuit, model, fill, tmp_path, CANDIDATES)
    assert all(torch.equal(x, before[name]) for name, x in model.state_dict().items())
    read, expected = load_compiled(tmp_path), calibrated_by_hand(model, circuit, tokens)
    alone, _ = run_alone(tmp_path, tokens, torch.zeros(5, 1, dtype=torch.long))
    for logits in (read(tokens), alone):
        torch.testing.assert_close(logits, expected, rtol=0, atol=1e-5)
    # What the questions to a circuit ask: the calibrated logits of its candidates.
    with torch.no_grad():
        plain = model.run_with_hooks(tokens, masked_hooks(circuit.nodes, fill))
    asked = CALIBRATION.apply(plain[..., CANDIDATES])
    torch.testing.assert_close(read(tokens)[..., CANDIDATES], asked, rtol=0, atol=1e-5)
    assert (read.card.calibration, read.card.candidates) == (CALIBRATION, (7, 3, 30))
    found = difference_from_masked(read, circuit, model, fill, tokens, CANDIDATES)
    assert found.beyond == 0
    assert difference_from_masked(read, circuit, model, fill, tokens).largest > 0.1


@pytest.mark.slow
def test_onnx_holds_the_calibration(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the onnx extra is not installed")
    model = sparse_model(ALL)
    circuit, path, tokens = calibrated(model), tmp_path / "circuit.onnx", random_tokens(model)
    export_onnx(circuit, model, random_fill(model), path, CANDIDATES)
    expected = calibrated_by_hand(model, circuit, tokens)
    torch.testing.assert_close(OnnxCircuit(path)(tokens), expected, rtol=0, atol=1e-5)


def test_a_calibration_can_be_left_out_and_must_fit(tmp_path: Path) -> None:
    model = sparse_model(PLAIN)
    circuit, fill, tokens = calibrated(model), random_fill(model), random_tokens(model)
    without = CompiledCircuit(circuit, model, fill)
    plain = CompiledCircuit(replace(circuit, calibration=None), model, fill, candidates=CANDIDATES)
    assert torch.equal(without(tokens), plain(tokens))
    assert without.card == plain.card
    with pytest.raises(SettingError, match="for 3 candidates, not 2"):
        export_torch(circuit, model, fill, tmp_path, CANDIDATES[:2])


def test_missing_packages_get_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = sparse_model(PLAIN)
    circuit, fill = circuit_of(model, random_nodes(model, 0.5)), random_fill(model)
    monkeypatch.setattr(onnx.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingError, match=r"needs onnx and onnxscript.*netseams"):
        export_onnx(circuit, model, fill, tmp_path / "circuit.onnx")
    with pytest.raises(SettingError, match="onnxruntime"):
        OnnxCircuit(tmp_path / "circuit.onnx")
    assert not list(tmp_path.iterdir())


def test_a_wrong_export_is_noticed() -> None:
    model = sparse_model(PLAIN)
    nodes, fill, tokens = random_nodes(model, 0.5), random_fill(model), random_tokens(model)
    circuit = circuit_of(model, nodes)
    compiled = CompiledCircuit(circuit, model, fill)
    right = difference_from_masked(compiled, circuit, model, fill, tokens)
    assert right.beyond == 0
    check_difference(right, near_ties=False)
    wrong = difference_from_masked(lambda t: compiled(t) + 0.01, circuit, model, fill, tokens)
    assert wrong.beyond == wrong.positions == 55
    assert wrong.largest == pytest.approx(0.01, abs=1e-4)
    for near_ties in (False, True):
        with pytest.raises(CircuitMismatchError, match="55 of 55 positions"):
            check_difference(wrong, near_ties)
    check_difference(Difference(1.0, 1, 100), near_ties=True)
    with pytest.raises(CircuitMismatchError):
        check_difference(Difference(1.0, 1, 100), near_ties=False)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    model = sparse_model(PLAIN)
    export_torch(circuit_of(model, random_nodes(model, 0.5)), model, random_fill(model), tmp_path)
    return tmp_path / "circuit.safetensors"


def rewritten(path: Path, **changes: str) -> None:
    """The same tensors under another header."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as handle:
        header = dict(handle.metadata())
    save_file(load_file(path), path, header | changes)


def test_files_written_before_calibrations_are_read(exported: Path) -> None:
    from safetensors import safe_open

    with safe_open(exported, framework="pt") as handle:
        card = json.loads(handle.metadata()["circuit"])
    before, tokens = load_compiled(exported), torch.arange(10).view(1, 10)
    del card["calibration"], card["candidates"]
    rewritten(exported, circuit=json.dumps(card))
    assert torch.equal(load_compiled(exported)(tokens), before(tokens))


def test_files_that_cannot_be_used_are_refused(exported: Path) -> None:
    whole = exported.read_bytes()
    for damage, said in (
        (lambda: exported.write_bytes(whole[:-100]), "truncated"),
        (lambda: torch.save({"a": torch.ones(1)}, exported), "pickle"),
        (lambda: rewritten(exported, format="something"), "not a netseams.compiled file"),
        (lambda: rewritten(exported, version="2"), "version '2'; this release reads 1"),
        (lambda: rewritten(exported, circuit="{"), "circuit.safetensors"),
        (exported.unlink, "cannot read"),
    ):
        exported.write_bytes(whole)
        damage()
        with pytest.raises(FileFormatError, match=said) as caught:
            load_compiled(exported)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["embed", "0/up/weight", "1/out/to", "pos_embed", "final/channels"]
)
def test_tensors_that_do_not_fit_are_refused(exported: Path, name: str) -> None:
    from safetensors import safe_open

    with safe_open(exported, framework="pt") as handle:
        header = dict(handle.metadata())
    tensors = load_file(exported)
    save_file({key: x for key, x in tensors.items() if key != name}, exported, header)
    with pytest.raises(FileFormatError, match="do not fit"):
        load_compiled(exported)
    save_file(tensors | {name: tensors[name][:-1].clone()}, exported, header)
    with pytest.raises(FileFormatError, match=r"do not fit|disagree"):
        load_compiled(exported)
