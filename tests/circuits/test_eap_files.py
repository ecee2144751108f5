"""Circuit files of EAP-IG and MIB, as their code writes them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from netseams.circuits import Circuit, circuit_from_eap, read_eap, write_eap
from netseams.core import FileFormatError, SettingError
from netseams.models import Transformer, TransformerConfig, component_graph

CFG = TransformerConfig(n_layers=2, n_heads=2, d_model=8, d_mlp=12, n_ctx=6, d_vocab=11)
LINKS = frozenset({("input", "a0.h1<v>"), ("a0.h1", "m1"), ("m1", "logits")})


def foreign() -> dict[str, Any]:
    """What EAP-IG's `to_json` writes for this shape, with three edges in the graph."""
    sources = ["input", "a0.h0", "a0.h1", "m0", "a1.h0", "a1.h1", "m1"]
    before = {"a0": 1, "m0": 3, "a1": 4, "m1": 6, "logits": 7}
    edges = {}
    for target, n in before.items():
        names = [target]
        if target[0] == "a":
            names = [f"{target}.h{h}<{slot}>" for h in range(2) for slot in "qkv"]
        for name in names:
            for source in sources[:n]:
                kept = (source, name) in LINKS
                edges[f"{source}->{name}"] = {"score": 0.5 if kept else -0.01, "in_graph": kept}
    used = {"input", "a0.h1", "m1", "logits"}
    return {
        "cfg": {"n_layers": 2, "n_heads": 2, "parallel_attn_mlp": False, "d_model": 8},
        "nodes": {name: {"in_graph": name in used} for name in [*sources, "logits"]},
        "edges": edges,
    }


def written(folder: Path, content: Any) -> Path:
    path = folder / "circuit.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.fixture
def model(random_model: Callable[..., Transformer]) -> Transformer:
    return random_model(CFG)


def test_a_foreign_file_is_read(tmp_path: Path, model: Transformer) -> None:
    path = written(tmp_path, foreign())
    circuit = circuit_from_eap(path, model, "task", "corpus")
    assert circuit.links == LINKS
    assert circuit.granularity == "components"
    kept, scores = read_eap(path, CFG)
    assert torch.equal(scores, torch.where(kept, 0.5, -0.01))


def test_what_is_written_is_what_their_reader_expects(tmp_path: Path, model: Transformer) -> None:
    circuit = Circuit.from_links(model, LINKS, "task", "corpus", {})
    scores = torch.linspace(-1, 1, component_graph(CFG).n_links)
    write_eap(tmp_path / "ours.json", circuit, scores)
    content, wanted = json.loads((tmp_path / "ours.json").read_text()), foreign()
    assert content["cfg"] == wanted["cfg"]
    assert content["nodes"] == wanted["nodes"]
    assert set(content["edges"]) == set(wanted["edges"])
    kept, again = read_eap(tmp_path / "ours.json", CFG)
    assert component_graph(CFG).links_in(kept) == LINKS
    torch.testing.assert_close(again, scores)
    assert circuit_from_eap(tmp_path / "ours.json", model, "task", "corpus").links == LINKS


def table() -> dict[str, Any]:
    """What `to_pt` writes."""
    content = foreign()
    sources = [name for name in content["nodes"] if name != "logits"]
    targets = []
    for layer in range(2):
        targets += [f"a{layer}.h{h}<{slot}>" for slot in "qkv" for h in range(2)] + [f"m{layer}"]
    targets.append("logits")
    kept = torch.zeros(len(sources), len(targets), dtype=torch.bool)
    for source, target in LINKS:
        kept[sources.index(source), targets.index(target)] = True
    return {
        "cfg": content["cfg"], "src_nodes": sources, "dst_nodes": targets,
        "edges_scores": kept * 2.0, "edges_in_graph": kept,
        "nodes_in_graph": torch.ones(len(sources)),
    }  # fmt: skip


def test_their_tensor_files_are_read(tmp_path: Path, model: Transformer) -> None:
    torch.save(table(), tmp_path / "circuit.pt")
    assert circuit_from_eap(tmp_path / "circuit.pt", model, "task", "corpus").links == LINKS
    assert float(read_eap(tmp_path / "circuit.pt", CFG).scores.sum()) == 6.0


class Harmful:
    """Would create a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_a_tensor_file_with_code_is_refused(tmp_path: Path) -> None:
    torch.save(table() | {"more": Harmful(tmp_path / "ran")}, tmp_path / "circuit.pt")
    with pytest.raises(FileFormatError, match="nothing in it was run"):
        read_eap(tmp_path / "circuit.pt", CFG)
    assert not (tmp_path / "ran").exists()


def changed(**parts: Any) -> dict[str, Any]:
    return {**foreign(), **parts}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not a circuit file of EAP-IG"),
        ("[1, 2]", "not a circuit file of EAP-IG"),
        ({"cfg": {"n_layers": 2, "n_heads": 2}, "nodes": {}}, "edges: Field required"),
        (changed(cfg={"n_layers": 3, "n_heads": 2}), "3 layers, 2 heads; this one has 2 layers"),
        (changed(cfg={"n_layers": 2, "n_heads": 2, "d_model": 16}), "width 16"),
        (
            changed(cfg={"n_layers": 2, "n_heads": 2, "parallel_attn_mlp": True}),
            "in parallel",
        ),
        (changed(nodes={"m7": {"in_graph": True}}), "'m7' is no component"),
        (changed(nodes={"m1": {"in_graph": True, "neurons": [True, False]}}), "single neurons"),
        (changed(edges={"m1->m0": {"score": 1.0, "in_graph": True}}), "'m1->m0' is no link"),
        (changed(edges={"m0->m1": {"score": "much", "in_graph": True}}), "edges.m0->m1.score"),
        (changed(edges={"m0->m1": {"score": float("nan"), "in_graph": True}}), "is nan"),
        (changed(edges={}), "keeps no link"),
    ],
)
def test_a_wrong_file_gives_one_line(
    content: Any, message: str, tmp_path: Path, model: Transformer
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(FileFormatError, match=message) as caught:
        circuit_from_eap(path, model, "task", "corpus")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_wrong_tables_give_one_line(tmp_path: Path) -> None:
    path = tmp_path / "circuit.pt"
    for change, message in (
        ({"edges_scores": torch.ones(3, 3)}, "should have shape"),
        ({"src_nodes": ["input"]}, "not those of such a model"),
        ({"edges_in_graph": None}, "edges_in_graph"),
    ):
        torch.save(table() | change, path)
        with pytest.raises(FileFormatError, match=message):
            read_eap(path, CFG)
    with pytest.raises(FileFormatError, match="cannot read"):
        read_eap(tmp_path / "absent.json", CFG)


def test_only_links_can_be_written(tmp_path: Path, model: Transformer) -> None:
    circuit = Circuit.from_links(model, LINKS, "task", "corpus", {})
    nodes = Circuit.from_nodes(model, circuit.nodes, "task", "corpus", {})
    with pytest.raises(SettingError, match="links_of_channels"):
        write_eap(tmp_path / "x.json", nodes)
    with pytest.raises(SettingError, match="3 scores"):
        write_eap(tmp_path / "x.json", circuit, torch.ones(3))
