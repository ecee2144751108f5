"""Ours beside other people's: the same weights, the same pairs, in turns. Do the scores agree?

    python benchmarks/peers.py --peer-python PATH/TO/ENVIRONMENT/bin/python
        [--lens-python PATH/TO/ANOTHER/bin/python] [--shapes 2 4] [--rounds 5] [--steps 5]

auto-circuit, and TransformerLens if asked for, run in processes of their own
(`peers_auto_circuit.py`, `peers_transformer_lens.py`), since they need other versions than we do.
Each process has one thread, and only one of them works at a time. Every call does all that its
method needs, from tokens on; imports and loading are left out. Resample ablation, one answer; the
loss is the cross-entropy over the whole vocabulary, but auto-circuit's ACDC has no such loss and
goes by the KL divergence from the network.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import torch
import tyro
from patching import integrated, random_task, trained
from rich.console import Console
from rich.table import Table
from torch import Tensor

from netseams.core import generator
from netseams.discovery import Acdc, AcdcConfig, score_error
from netseams.discovery.link_rows import LinkRows
from netseams.discovery.link_search import LinkSearch, Ranking, spread_sizes
from netseams.models import ComponentGraph, Transformer, TransformerConfig, component_graph
from netseams.models.gpt2 import save_gpt2
from netseams.store import save_tensors
from netseams.tasks import Examples, Task

# auto-circuit imports what transformer_lens 3 no longer has; version 2 is held to numpy 1, with
# which later pyarrow does not work.
INSTALL = 'auto-circuit==1.0.1 transformer_lens==2.18.0 numpy==1.26.4 "pyarrow<20" torch==2.13.0'
CLOSE = 1e-4
"""Logits of both sides must agree to this."""
AUTO_CIRCUIT, LENS = "peers_auto_circuit.py", "peers_transformer_lens.py"
SHAPE = ("n_layers", "n_heads", "d_model", "d_mlp", "n_ctx", "d_vocab", "norm", "norm_epsilon")
"""What the other side must know beside the weights; `network` there says what it takes for
granted."""
ACDC_EXPONENTS = (-3, -2)
"""ACDC's thresholds are 10 to these powers, in nats."""

Job = dict[str, Any]
Found = dict[str, Any]


class Peer:
    """The process that runs auto-circuit on one file."""

    def __init__(self, process: subprocess.Popen[str], errors: Path) -> None:
        self._process, self._errors = process, errors
        self.versions: dict[str, str] = self._answer()

    def ask(self, job: Job) -> Found:
        assert self._process.stdin is not None
        print(json.dumps(job), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Found:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the other process ended:\n{self._errors.read_text()[-2000:]}")
        return json.loads(line)


@contextmanager
def peer(python: Path, script: str, model: Transformer, task: Task) -> Iterator[Peer]:
    """A peer that has loaded `model` and the pairs of `task`."""
    examples = task.splits["mask_train"]
    tensors = model.state_dict() | {
        "clean": examples.clean,
        "corrupt": examples.corrupt,
        "answers": examples.clean_targets[:, 0],
    }
    shape = {name: getattr(model.cfg, name) for name in SHAPE}
    quiet = dict.fromkeys(("OMP_NUM_THREADS", "TQDM_DISABLE", "HF_HUB_OFFLINE"), "1")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_tensors(folder / "network.safetensors", tensors, {"shape": json.dumps(shape)})
        if script == LENS:
            save_gpt2(folder, model)
        errors = folder / "errors.txt"
        with (
            errors.open("w") as stderr,
            subprocess.Popen(
                [python, Path(__file__).with_name(script), folder], env=os.environ | quiet,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True,
            ) as process,
        ):  # fmt: skip
            yield Peer(process, errors)


def by_link(scores: dict[str, float], graph: ComponentGraph) -> Tensor:
    names = [f"{source}->{target}" for source, target in graph.links]
    assert scores.keys() == set(names), "the two graphs differ"
    return torch.tensor([scores[name] for name in names])


def along_gates(rows: LinkRows, passes: int) -> Tensor:
    """What auto-circuit integrates: all gates go from 1 to 0 together, both ends included."""
    total = torch.zeros(rows.graph.n_links)
    for k in range(passes):
        gates = torch.full((1, rows.graph.n_links), 1 - k / (passes - 1), requires_grad=True)
        (slopes,) = torch.autograd.grad(rows.losses(gates).sum(), [gates])
        total -= slopes[0]
    return total / passes


@dataclass
class Pairing:
    """One thing done by both sides."""

    name: str
    ours: Callable[[], Any]
    job: Job
    rounds: int
    ours_cpu: list[float] = field(default_factory=list)
    ours_wall: list[float] = field(default_factory=list)
    theirs_cpu: list[float] = field(default_factory=list)
    theirs_wall: list[float] = field(default_factory=list)
    our_result: Any = None
    their_result: Found = field(default_factory=dict)

    def run(self, other: Peer) -> None:
        """Both in turns; who goes first alternates. The first round of quick things warms up."""
        warm_up = self.rounds > 3
        for i in range(self.rounds + warm_up):
            for mine in (True, False) if i % 2 else (False, True):
                cpu, wall = self._one(other, mine)
                if i >= warm_up:
                    (self.ours_cpu if mine else self.theirs_cpu).append(cpu)
                    (self.ours_wall if mine else self.theirs_wall).append(wall)

    def _one(self, other: Peer, mine: bool) -> tuple[float, float]:
        if not mine:
            self.their_result = other.ask(self.job)
            return self.their_result["cpu"], self.their_result["wall"]
        cpu, wall = process_time(), perf_counter()
        self.our_result = self.ours()
        return process_time() - cpu, perf_counter() - wall

    @property
    def cells(self) -> tuple[str, ...]:
        """Processor seconds of both, then the paired ratios of processor and of wall seconds."""
        cpu, wall = (
            [a / b for a, b in zip(theirs, ours, strict=True)]
            for theirs, ours in (
                (self.theirs_cpu, self.ours_cpu),
                (self.theirs_wall, self.ours_wall),
            )
        )
        cells = (spread(x) for x in (self.ours_cpu, self.theirs_cpu, cpu))
        return self.name, *cells, f"{statistics.median(wall):.1f}"


def spread(values: list[float]) -> str:
    """Median, smallest and largest."""
    low, middle, high = (f"{f(values):.3g}" for f in (min, statistics.median, max))
    return f"{middle} ({low} .. {high})"


def random_network(
    layers: int, heads: int, width: int, vocabulary: int, length: int
) -> Transformer:
    """Matrices and biases around 0, gains around 1."""
    cfg = TransformerConfig(
        n_layers=layers, n_heads=heads, d_model=width, d_mlp=4 * width, n_ctx=length,
        d_vocab=vocabulary, norm="layer", norm_gain=True, norm_bias=True,
    )  # fmt: skip
    model = Transformer(cfg)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            draws = generator("peers", name)
            parameter.normal_(float(name.endswith("gain")), width**-0.5, generator=draws)
    return model


def first_answer(task: Task, pairs: int, vocabulary: int) -> Task:
    """Pairs of a task that end with the first answer, which may be any token: auto-circuit's loss
    looks at the last position and at the whole vocabulary."""
    end = int(task.answers[0]) + 1
    x = task.splits["mask_train"]
    some = Examples(
        x.clean[:pairs, :end], x.corrupt[:pairs, :end],
        task.candidates[x.clean_targets[:pairs, :1]],
        task.candidates[x.corrupt_targets[:pairs, :1]],
    )  # fmt: skip
    return Task(
        name=task.name, corpus=task.corpus, question=task.question,
        candidates=torch.arange(vocabulary), answers=task.answers[:1],
        splits=dict.fromkeys(task.splits, some), scores_both=False,
        floor_accuracy=task.floor_accuracy, floor_loss=task.floor_loss,
    )  # fmt: skip


def table_of(*columns: str) -> Table:
    table = Table(box=None)
    for i, name in enumerate(("", *columns)):
        table.add_column(name, justify="right" if i else "left", no_wrap=True)
    return table


def check_same(other: Peer, model: Transformer, task: Task, console: Console) -> None:
    """Both networks must be one."""
    theirs = torch.tensor(other.ask({"job": "logits_of_clean"})["logits"])
    with torch.no_grad():
        ours = model(task.splits["mask_train"].clean)[:, -1]
    off, size = float((ours - theirs).abs().max()), float(ours.std())
    versions = ", ".join(f"{name} {number}" for name, number in other.versions.items())
    console.print(f"{versions}: logits of size {size:.1f} differ by at most {off:.1e}")
    assert off < CLOSE, "the networks of both sides differ"


@dataclass
class Bench:
    """All of it on one network."""

    console: Console
    model: Transformer
    task: Task
    passes: int
    """Of integrated gradients."""
    rounds: int
    slow_rounds: int
    acdc_rounds: int

    @property
    def graph(self) -> ComponentGraph:
        return component_graph(self.model.cfg)

    def rows(self) -> LinkRows:
        return LinkRows(self.model, self.task, "mask_train", "resample")

    def run(self, title: str, python: Path, lens_python: Path | None) -> None:
        pairs = len(self.task.splits["mask_train"])
        self.console.print(f"\n{title}: {self.graph.n_links} links, {pairs} pairs")
        seconds = table_of("ours, s", "theirs, s", "theirs / ours", "wall")
        agreement = table_of("Pearson", "Spearman", "relative error", "largest error")
        with peer(python, AUTO_CIRCUIT, self.model, self.task) as other:
            check_same(other, self.model, self.task, self.console)
            done = self._pairings()
            for pairing in done.values():
                pairing.run(other)
                seconds.add_row(*pairing.cells)
        compared = self._compared(done)
        if lens_python is not None:
            with peer(lens_python, LENS, self.model, self.task) as other:
                check_same(other, self.model, self.task, self.console)
                lens = Pairing(
                    "EAP on the corrupt run, TransformerLens", lambda: self.rows().slopes(0.0),
                    {"job": "eap"}, self.slow_rounds,
                )  # fmt: skip
                lens.run(other)
                seconds.add_row(*lens.cells)
            # Towards clean there, away from it here.
            theirs = -by_link(lens.their_result["scores"], self.graph)
            compared["EAP on the corrupt run: ours, TransformerLens's"] = (lens.our_result, theirs)
            compared["EAP: on the clean run, on the corrupt run"] = (
                done["eap"].our_result, lens.our_result,
            )  # fmt: skip
        for name, (one, another) in compared.items():
            agreement.add_row(name, *agreement_cells(one, another))
        self.console.print(seconds)
        self.console.print(agreement)
        curve = zip(done["curve"].our_result, done["curve"].their_result["losses"], strict=True)
        off = max(abs(a - b) for a, b in curve)
        self.console.print(f"losses along the curve differ by at most {off:.1e} nats")
        for name, pairing in done.items():
            if name.startswith("acdc"):
                ours, theirs = pairing.our_result, pairing.their_result["left"]
                self.console.print(f"{pairing.name}: left {ours} links on paths, theirs {theirs}")

    def _pairings(self) -> dict[str, Pairing]:
        rows, passes = self.rows, self.passes
        ranking = rows().slopes(1.0).abs()
        sizes = spread_sizes(len(ranking), 10)[1:]  # none is no size of auto-circuit's curve

        def curve() -> list[float]:
            return [met.loss for met in LinkSearch(rows()).curve([Ranking(ranking, sizes)])]

        def acdc(threshold: float) -> int:
            search = Acdc(AcdcConfig(thresholds=(threshold,), pairs_up_to=0))
            return search.fit(self.model, self.task, {}, ()).curve_[-1].n_links

        ig: Job = {"job": "ig", "passes": passes}
        done = {
            "eap": Pairing("EAP", lambda: rows().slopes(1.0), {"job": "eap"}, self.rounds),
            "gates": Pairing(
                f"IG along gates, {passes} passes", lambda: along_gates(rows(), passes), ig,
                self.rounds,
            ),
            "ig": Pairing(
                f"EAP-IG / IG along gates, {passes} passes",
                lambda: integrated(passes, "left").scores(rows()), ig, self.rounds,
            ),
            "curve": Pairing(
                f"losses of {len(sizes)} sizes", curve, {"job": "curve", "sizes": list(sizes)},
                self.rounds,
            ),
            "exact": Pairing(
                "every link exactly", lambda: rows().effects(), {"job": "exact"}, self.slow_rounds
            ),
        }  # fmt: skip
        for exponent in ACDC_EXPONENTS if self.acdc_rounds else ():
            threshold = 10.0**exponent
            done[f"acdc {exponent}"] = Pairing(
                f"ACDC, threshold {threshold:g}", lambda at=threshold: acdc(at),
                {"job": "acdc", "exponent": exponent}, self.acdc_rounds,
            )  # fmt: skip
        return done

    def _compared(self, done: dict[str, Pairing]) -> dict[str, tuple[Tensor, Tensor]]:
        eap, gates, ig, exact = (done[name].our_result for name in ("eap", "gates", "ig", "exact"))
        their_eap, their_ig, their_exact = (
            by_link(done[name].their_result["scores"], self.graph)
            for name in ("eap", "gates", "exact")
        )
        return {
            "EAP: ours, auto-circuit's": (eap, their_eap),
            "every link exactly: ours, auto-circuit's": (exact, their_exact),
            "IG along gates: ours, auto-circuit's": (gates, their_ig),
            "EAP-IG of ours, IG of auto-circuit's": (ig, their_ig),
            "exact, EAP": (exact, eap),
            "exact, EAP-IG": (exact, ig),
            "exact, EAP-IG at midpoints": (
                exact, integrated(self.passes, "midpoint").scores(self.rows()),
            ),
            "exact, IG along gates": (exact, gates),
        }  # fmt: skip


def agreement_cells(one: Tensor, another: Tensor) -> tuple[str, ...]:
    """The largest error is told as a share of the largest score."""
    error = score_error(one, another)
    largest = float((one - another).abs().max() / one.abs().max())
    numbers = ("-" if x is None else f"{x:.6f}" for x in (error.pearson, error.spearman))
    return *numbers, f"{error.relative:.1e}", f"{largest:.1e}"


def main(
    peer_python: Path | None = None, lens_python: Path | None = None,
    shapes: tuple[int, ...] = (2, 4), heads: int = 4, width: int = 64, vocabulary: int = 256,
    length: int = 16, pairs: int = 64, steps: int = 5, rounds: int = 5, slow_rounds: int = 3,
    acdc_rounds: int = 1, training_steps: int = 450,
) -> None:  # fmt: skip
    """Print seconds, ratios and how far scores agree.

    Args:
        peer_python: the Python of an environment that has auto-circuit.
        lens_python: the Python of one that has TransformerLens 4.3; none leaves it out.
        shapes: layers of the networks of random weights.
        steps: passes of integrated gradients.
        slow_rounds: rounds of exact patching and of TransformerLens.
        acdc_rounds: rounds of ACDC, which takes longest; 0 leaves it out.
        training_steps: of a network that learns string operations; 0 leaves it out.
    """
    if peer_python is None or not peer_python.exists():
        print(
            "auto-circuit needs an environment of its own: "
            f"python3 -m venv peer && peer/bin/pip install {INSTALL}, "
            "then give --peer-python peer/bin/python",
            file=sys.stderr,
        )
        raise SystemExit(2)
    torch.set_num_threads(1)
    console = Console(width=130)
    console.print(f"ours: torch {torch.__version__}, one thread of {os.cpu_count()} cores")

    def bench(title: str, model: Transformer, task: Task, lens: Path | None) -> None:
        model.requires_grad_(False)
        one = Bench(console, model, task, steps, rounds, slow_rounds, acdc_rounds)
        one.run(title, peer_python, lens)

    for layers in shapes:
        model = random_network(layers, heads, width, vocabulary, length)
        shape = f"{layers} layers of {heads} heads, d_model {width}, {length} tokens"
        task = random_task(vocabulary, length, pairs)
        bench(f"{shape}, random weights", model, task, lens_python)
    if training_steps:
        model, task = trained(training_steps)
        task = first_answer(task, pairs, model.cfg.d_vocab)
        bench("trained on string operations, reverse, the first answer", model, task, None)


if __name__ == "__main__":
    tyro.cli(main)
