"""What does an exported circuit cost, against the masked model and the limit of its non-zeros?

    python benchmarks/export.py [--rounds 15]

Time: all run in turns on the same tokens; medians and quartiles. Memory: bytes of parameters and
the most that activations take at once, from torch's profiler. The limit is the time of two
operations for every kept edge and every weight of the unembedding behind it, per token, at the
throughput that a dense product of this width reaches here; attention's products are left out.
"""

import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch
import tyro
from bench import DENSITY, circuit_of_size, warm_trainer
from rich.console import Console
from rich.table import Table
from timing import quartiles_in_turns
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from netseams.circuits import Circuit, OnnxCircuit, difference_from_masked, export_onnx
from netseams.circuits import CompiledCircuit as Compiled
from netseams.corpora import StdlibConfig, load_corpus
from netseams.interventions import masked_hooks, mean_activations
from netseams.models import Transformer, sites_of
from netseams.tasks import build_task
from netseams.training import WeightSparse

Run = Callable[[Tensor], Tensor]


def stored_bytes(module: nn.Module) -> int:
    """Bytes of all tensors, index tensors included."""
    tensors = [*module.parameters(), *module.buffers()]
    flat = [
        part
        for x in tensors
        for part in ((x.crow_indices(), x.col_indices(), x.values()) if x.is_sparse_csr else (x,))
    ]
    return sum(x.numel() * x.element_size() for x in flat)


def peak_bytes(run: Run, tokens: Tensor) -> int:
    """The most that is allocated at once during one call."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        run(tokens)
    assert found.profiler is not None
    assert found.profiler.kineto_results is not None
    events = [e for e in found.profiler.kineto_results.events() if e.name() == "[memory]"]
    held = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def limit_ms(circuit: Circuit, tokens: Tensor, throughput: float) -> float:
    """See the module's docstring; `throughput` in operations per ms."""
    unembedding = (
        int(circuit.nodes["ln_final.hook_normalized"].sum()) * circuit.model_config.d_vocab
    )
    return 2 * (circuit.n_edges + unembedding) * tokens.numel() / throughput


def rows_of(
    name: str, circuit: Circuit, model: Transformer, means: dict[str, Tensor], tokens: Tensor,
    rounds: int, folder: Path,
) -> list[tuple[str, ...]]:  # fmt: skip
    """Table rows of one circuit."""
    hooks, width = masked_hooks(circuit.nodes, means), model.cfg.d_model
    compiled, dense = Compiled(circuit, model, means), Compiled(circuit, model, means, "dense")
    runs: dict[str, Run] = {"masked model": lambda t: model.run_with_hooks(t, hooks)}
    runs |= {"exported": compiled} | ({"exported, dense": dense} if compiled.card.sparse else {})
    bytes_of = {"masked model": stored_bytes(model), "exported": stored_bytes(compiled)}
    bytes_of["exported, dense"] = stored_bytes(dense)
    if find_spec("onnxruntime"):
        path = folder / "circuit.onnx"
        export_onnx(circuit, model, means, path)
        runs["ONNX"], bytes_of["ONNX"] = OnnxCircuit(path), path.stat().st_size
    x = torch.randn(tokens.numel(), width)
    calls: dict[str, Callable[[], object]] = {k: lambda r=r: r(tokens) for k, r in runs.items()}
    ms = quartiles_in_turns(calls, rounds)
    quickest = min(quartiles_in_turns({"": lambda: x @ x[:width]}, 3)[""][0] for _ in range(9))
    limit = limit_ms(circuit, tokens, 2 * x.numel() * width / quickest)
    label = f"{name}: {circuit.n_nodes} nodes, {circuit.n_edges} edges"
    rows: list[tuple[str, ...]] = [(label, "limit", f"{limit:.2f}", "", "", "", "")]
    for kind, run in runs.items():
        low, median, high = ms[kind]
        off = difference_from_masked(run, circuit, model, means, tokens).largest
        peak = "" if kind == "ONNX" else f"{peak_bytes(run, tokens) / 1e6:.1f}"
        share = f"{median / ms['masked model'][1]:.2f}"
        cells = (f"{median:.1f} ({low:.1f} .. {high:.1f})", share)
        rows.append(("", kind, *cells, f"{bytes_of[kind] / 1e6:.2f}", peak, f"{off:.0e}"))
    return rows


def main(rounds: int = 15) -> None:
    """Print the table.

    Args:
        rounds: timings of each.
    """
    torch.set_num_threads(1)
    corpus = load_corpus(StdlibConfig())
    model = warm_trainer(corpus, WeightSparse(density=DENSITY), None).model
    model.requires_grad_(False)
    means = mean_activations(model, corpus)
    tokens = build_task("quote_close", corpus, model.cfg.n_ctx).rows("report")[0][:32]
    circuits = {f"{n} random nodes": circuit_of_size(model, n) for n in (100, 400)}
    everything = {s.name: torch.ones(s.width, dtype=torch.bool) for s in sites_of(model.cfg)}
    circuits["whole network"] = Circuit.from_nodes(model, everything, "quote_close", "stdlib", {})
    table = Table(title=f"{len(tokens)} rows of {model.cfg.n_ctx} tokens, one thread", box=None)
    for column in ("", "", "ms", "/ masked", "MB stored", "MB at work", "off by"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, circuit in circuits.items():
            for row in rows_of(name, circuit, model, means, tokens, rounds, Path(folder)):
                table.add_row(*row)
    Console(width=130).print(table)


if __name__ == "__main__":
    tyro.cli(main)
