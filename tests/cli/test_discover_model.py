"""`netseams discover --model`: Hugging Face models that have learned to agree."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hugging_face_models import bert, gpt2, learned, llama, saved, task_file, transformers
from netseams.circuits import load_circuit
from netseams.cli.main import run
from netseams.comparison.subnetworks import Subnetworks
from netseams.core import CircuitMismatchError
from netseams.evaluation import score
from netseams.interventions import untrained_twin
from netseams.models import HookedModel, load_hooked
from netseams.tasks import load_prompted_task

Trained = Callable[[str], Path]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Family -> folder of a model that has learned agreement."""
    folders: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in folders:
            make = {"gpt2": gpt2, "bert": bert, "llama": llama}[name]
            model = learned(make, masked=name == "bert")
            folders[name] = saved(tmp_path_factory.mktemp(name), model)
        return folders[name]

    return folder


def discover(model: Path, task: Path, out: Path, *options: str) -> int:
    given = ["--model", str(model), "--task", str(task), "--out", str(out)]
    return run(["discover", *given, "--steps", "40", "--targets", "0.2", *options])


@pytest.mark.parametrize(
    "name", ["gpt2", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bert", "llama"))]
)
def test_a_learned_behaviour_has_a_small_subnetwork(
    name: str, trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = task_file(tmp_path, masked=name == "bert")
    before = {p.name: p.read_bytes() for p in trained(name).iterdir()}
    assert discover(trained(name), file, tmp_path / "out") == 0
    assert before == {p.name: p.read_bytes() for p in trained(name).iterdir()}
    found = Subnetworks.read(tmp_path / "out" / "discover.json")
    circuit = found.network.circuits["0.2"]
    assert circuit is not None
    assert found.network.whole.accuracy > 0.95
    assert circuit.node_share < 0.5
    assert circuit.scores["mean"].alone.accuracy > 0.85
    assert circuit.scores["mean"].random_alone < circuit.scores["mean"].alone.accuracy
    assert found.untrained.whole.accuracy < 0.9
    assert found.untrained.budget.steps == found.network.budget.steps
    said = capsys.readouterr().out
    assert "re-initialised" in said
    assert "means over the task's own inputs" in said

    loaded = load_circuit(tmp_path / "out" / "target-0.2")
    model = load_hooked(trained(name))
    loaded.check_model(model)
    assert (loaded.n_nodes, loaded.n_edges) == (circuit.n_nodes, circuit.n_edges)
    card = json.loads((tmp_path / "out" / "target-0.2" / "circuit.json").read_text())
    assert card["model"]["family"] == name
    task = load_prompted_task(file, model, tokenizer_of(trained(name)))
    zero = score(model, task, "report", loaded.nodes, "zero", {s: torch.zeros(()) for s in loaded.nodes})  # fmt: skip  # noqa: E501
    assert zero.accuracy == pytest.approx(circuit.scores["zero"].alone.accuracy)
    with pytest.raises(CircuitMismatchError):
        loaded.check_model(untrained_twin(model, 0))


def tokenizer_of(folder: Path) -> Any:
    return transformers.AutoTokenizer.from_pretrained(folder)


@pytest.mark.slow
def test_bfloat16(trained: Trained, tmp_path: Path) -> None:
    options = ("--dtype", "bfloat16")
    assert discover(trained("gpt2"), task_file(tmp_path), tmp_path / "out", *options) == 0
    card = json.loads((tmp_path / "out" / "discover.json").read_text())
    assert card["network"]["whole"]["accuracy"] > 0.95
    rough, fine = load_hooked(trained("gpt2"), "bfloat16"), load_hooked(trained("gpt2"))
    tokens = torch.tensor([[5, 13, 9, 5, 14]])
    with torch.no_grad():
        logits, cache = rough.run_with_cache(tokens)
        assert {x.dtype for x in cache.values()} == {torch.bfloat16}
        assert logits.dtype == torch.float32
        torch.testing.assert_close(logits, fine(tokens), rtol=0.05, atol=0.1)


@pytest.mark.slow
def test_an_encoder_without_a_head_by_its_class_means(trained: Trained, tmp_path: Path) -> None:
    file = task_file(tmp_path)
    assert discover(trained("bert"), file, tmp_path / "out", "--encoder", "True") == 0
    found = Subnetworks.read(tmp_path / "out" / "discover.json")
    assert found.network.circuits["0.2"] is not None
    assert found.network.whole.accuracy > 0.95


def test_the_twin_is_another_draw_of_the_same_config(trained: Trained) -> None:
    model = load_hooked(trained("gpt2"))
    state = torch.get_rng_state()
    first, again, other = (untrained_twin(model, seed) for seed in (0, 0, 1))
    assert torch.equal(state, torch.get_rng_state())
    assert first.cfg == model.cfg
    name = "blocks.0.mlp.up.weight"
    assert torch.equal(first.matrix(name), again.matrix(name))
    assert not torch.equal(first.matrix(name), other.matrix(name))
    assert not torch.equal(first.matrix(name), model.matrix(name))


def refusal(capsys: pytest.CaptureFixture[str], *arguments: Any) -> str:
    assert discover(*arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("netseams: ")
    assert said.count("\n") == 1
    return said


def test_a_behaviour_that_the_model_has_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(3)
    folder = saved(tmp_path / "fresh", gpt2().eval())
    said = refusal(capsys, folder, task_file(tmp_path), tmp_path / "out")
    assert "does not do agreement" in said
    assert "floor is 0.50" in said
    assert not (tmp_path / "out").exists()


def test_activations_that_are_no_numbers(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = learned_copy(trained("gpt2"))
    with torch.no_grad():
        model.transformer.h[1].mlp.c_fc.bias[0] = float("nan")
    folder = saved(tmp_path / "nan", model)
    said = refusal(capsys, folder, task_file(tmp_path), tmp_path / "out")
    assert "activations at blocks.1.mlp.hook_post hold NaN" in said


def learned_copy(folder: Path) -> Any:
    return transformers.GPT2LMHeadModel.from_pretrained(folder)


def test_models_that_cannot_be_used(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = task_file(tmp_path), tmp_path / "out"
    assert "holds no config.json" in refusal(capsys, tmp_path / "nowhere", file, out)
    opt = transformers.OPTForCausalLM(transformers.OPTConfig(
        vocab_size=20, hidden_size=16, ffn_dim=24, num_hidden_layers=1, num_attention_heads=2,
        word_embed_proj_dim=16, max_position_embeddings=8,
    ))  # fmt: skip
    said = refusal(capsys, saved(tmp_path / "opt", opt), file, out)
    assert "no adapter for models of type 'opt'" in said
    assert "layers.0.self_attn.q_proj" in said
    assert "Adapter of ten lines" in said
    folder = saved(tmp_path / "quantised", learned_copy(trained("gpt2")))
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_8bit": True}
    (folder / "config.json").write_text(json.dumps(config))
    assert "quantised weights" in refusal(capsys, folder, file, out)
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "nothing"}))
    assert "does not know" in refusal(capsys, folder, file, out)
    headless = transformers.BertForMaskedLM.from_pretrained(trained("bert")).bert
    said = refusal(capsys, saved(tmp_path / "headless", headless), task_file(tmp_path, True), out)
    assert "has no weights for cls.predictions" in said
    bare = tmp_path / "bare"
    learned_copy(trained("gpt2")).save_pretrained(bare)
    assert "holds no tokenizer" in refusal(capsys, bare, file, out)
    assert "invalid choice 'elsewhere'" in refusal(
        capsys, trained("gpt2"), file, out, "--device", "elsewhere"
    )
    (trained("gpt2") / "model.safetensors").rename(tmp_path / "moved")
    try:
        assert "cannot read" in refusal(capsys, trained("gpt2"), file, out)
    finally:
        (tmp_path / "moved").rename(trained("gpt2") / "model.safetensors")


def test_one_model_is_not_changed_by_a_search(trained: Trained, tmp_path: Path) -> None:
    from netseams.comparison.subnetworks import task_means
    from netseams.discovery import NodeMaskConfig, NodeMasks

    theirs = learned_copy(trained("gpt2")).eval()
    model = HookedModel(theirs)
    before = {name: tensor.clone() for name, tensor in theirs.state_dict().items()}
    task = load_prompted_task(task_file(tmp_path), model, tokenizer_of(trained("gpt2")))
    means = task_means(model, task)
    NodeMasks(NodeMaskConfig(steps=3, snapshots=1)).fit(model, task, means, (0.2,))
    assert all(torch.equal(before[name], tensor) for name, tensor in theirs.state_dict().items())
    assert all(parameter.requires_grad for parameter in theirs.parameters())
    assert not any(module._forward_hooks for module in theirs.modules())
