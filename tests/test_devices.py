"""Nothing is left on the CPU where a model is on another device; no GPU is needed to see it.

The other device is torch's `meta`, on which tensors have shapes and no values, together with a
mode that refuses what a GPU refuses, and more: any operation on tensors of two devices.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from netseams.circuits import load_circuit, random_circuit, save_circuit
from netseams.cli.main import run as command
from netseams.core import generator
from netseams.corpora import StringOps, StringOpsConfig
from netseams.discovery import NodeMaskConfig, NodeMasks
from netseams.discovery.body import Body
from netseams.discovery.search import answer_losses
from netseams.evaluation import agreement, next_token_rise, removal_scores, sufficiency
from netseams.evaluation.score import candidate_logits
from netseams.evaluation.steering import SteeringConfig, direction_like, steering
from netseams.interventions import ABLATIONS, mean_activations, redrawn_on_support, untrained_twin
from netseams.masks import Cut, abs_topk, keep_largest_of_each_, largest_mask
from netseams.masks.selection import largest_mask_with_minimum
from netseams.models import Transformer, TransformerConfig, sites_of
from netseams.models.bridge import Bridges, bridge_shape, copy_of, run_from
from netseams.tasks import Task, build_task
from netseams.training import (
    Dense,
    Pruned,
    RandomSupport,
    RunConfig,
    Sparsity,
    TrainConfig,
    WeightSparse,
    open_run,
    train,
)
from netseams.training.bridge_losses import bridge_losses
from netseams.training.bridge_maps import ridge_bridges
from netseams.training.learner import projection_for
from netseams.training.loop import next_token_loss

no_gpu = not torch.cuda.is_available()
ON_GPU = (
    pytest.mark.gpu,
    pytest.mark.skipif(no_gpu, reason="needs a CUDA device"),
    pytest.mark.filterwarnings("default"),
)
gpu = pytest.param("cuda", marks=ON_GPU)
DEVICES = ["cpu", gpu]
"""What must hold on a GPU is run on the CPU too, where it shows that the test itself works."""
CORPUS = StringOpsConfig(length=4)
MODEL = TransformerConfig(n_layers=2, n_heads=2, d_model=16, d_mlp=24, n_ctx=10, d_vocab=19)
OPTIONS = [
    pytest.param(MODEL, id="plain"),
    pytest.param(
        MODEL.model_copy(
            update={"sinks": True, "bigram": True, "positions": "concatenated", "d_pos": 4}
        ),
        id="all",
    ),
    pytest.param(MODEL.model_copy(update={"activation_density": 0.25}), id="abs_topk"),
]
ARMS: dict[str, Sparsity] = {
    "dense": Dense(),
    "weight_sparse": WeightSparse(density=0.2),
    "min_alive": WeightSparse(density=0.3, min_alive=1),
    "pruned": Pruned(density=0.2),
    "random_support": RandomSupport(density=0.2),
}
RUNS = [
    pytest.param("pruned", "cpu"),
    *(pytest.param(name, "cuda", marks=ON_GPU) for name in ARMS),
]


@pytest.fixture(scope="module")
def ground() -> tuple[StringOps, Task]:
    corpus = StringOps(CORPUS)
    return corpus, build_task("reverse", corpus, MODEL.n_ctx)


class NoMixing(TorchDispatchMode):
    """Tensors of two devices meet in copies only; numbers (no axes) may come from anywhere."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor) and x.ndim]
        devices = {x.device.type for x in tensors}
        if len(devices) > 1 and func is not torch.ops.aten.copy_.default:
            raise RuntimeError(f"{func} got tensors on two devices: {devices}")
        return func(*args, **(kwargs or {}))


def means_of(model: Transformer) -> dict[str, Tensor]:
    shapes = {
        site.name: (
            (model.cfg.n_heads, model.cfg.d_head) if site.name[-2:] in ("_q", "_k", "_v")
            else (site.width,)
        )
        for site in sites_of(model.cfg)
    }  # fmt: skip
    return {name: torch.empty(shape, device=model.device) for name, shape in shapes.items()}


def test_two_devices_are_told_apart() -> None:
    with NoMixing(), pytest.raises(RuntimeError, match="on two devices"):
        torch.ones(2, device="meta") + torch.ones(2)


@pytest.mark.parametrize("cfg", OPTIONS)
def test_a_step_is_taken_where_the_model_is(cfg: TransformerConfig, ground) -> None:
    corpus, task = ground
    batch = corpus.batch("train", 4, cfg.n_ctx, generator(0))
    with NoMixing():
        model = Transformer(cfg).to("meta")
        loss = next_token_loss(model, batch)
        loss.backward()
        assert {x.device.type for p in model.parameters() for x in (p, p.grad)} == {"meta"}
        tokens, _ = task.rows("select")
        answers = task.answers.expand(len(tokens), -1)
        assert task.candidate_logits(model(tokens, None, answers)).device.type == "meta"


@pytest.mark.parametrize("cfg", OPTIONS)
def test_masks_are_trained_and_scored_where_the_model_is(cfg: TransformerConfig, ground) -> None:
    corpus, task = ground
    kept = {site.name: torch.ones(site.width, dtype=torch.bool) for site in sites_of(cfg)}
    tokens, targets = (part[:6] for part in task.rows("select"))
    with NoMixing():
        model = Transformer(cfg).to("meta")
        means = means_of(model)
        gates = {s.name: torch.ones(3, s.width, device="meta") for s in sites_of(cfg)}
        losses = answer_losses(
            Body(model, means), task, tokens.to("meta"), targets.to("meta"), gates
        )
        assert losses.device.type == "meta"
        for ablation in ABLATIONS:
            logits, right = candidate_logits(model, task, "report", kept, ablation, means)
            assert (logits.argmax(-1) == right).device.type == "meta"
        assert {x.device.type for x in mean_activations(model, corpus, 64).values()} == {"meta"}


def test_bridges_and_steering_stay_there(ground) -> None:
    with NoMixing():
        model = Transformer(MODEL).to("meta")
        bridges = Bridges(bridge_shape(MODEL, MODEL)).to("meta")
        _, residuals = run_from(model, torch.zeros(2, 10, dtype=torch.long))
        assert bridges.encode(1, residuals[1]).device.type == "meta"
        direction = bridges.decoders[0].get_parameter("weight")[:, 3]
        assert direction_like(direction, 0, 1).device.type == "meta"


def test_projections_stay_there() -> None:
    with NoMixing():
        for arm in (WeightSparse(density=0.2), RandomSupport(density=0.2)):
            projection = projection_for(Transformer(MODEL).to("meta"), arm, 0)
            assert projection is not None
            projection.progress = 1.0
            projection.apply()
        x = torch.empty(3, 8, device="meta").requires_grad_()
        abs_topk(x, 2).sum().backward()


@pytest.mark.skipif(not no_gpu, reason="there is a GPU")
def test_a_gpu_that_is_not_there_gets_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for verb in ("train", "compare"):
        code = command([verb, "--out", str(tmp_path / "run"), "--device", "cuda"])
        said = capsys.readouterr().err
        assert (code, said.count("\n")) == (2, 1)
        assert "needs a CUDA device" in said
    assert not (tmp_path / "run").exists()


def config_of(arm: Sparsity) -> RunConfig:
    train = TrainConfig(steps=12, batch_size=8, sparsity=arm, checkpoint_every=6)
    return RunConfig(corpus=CORPUS, model=MODEL, train=train)


class Stop(Exception):
    """Ends a run half way."""


def stop_at(step: int) -> Any:
    def report(done: int, total: int, word: str) -> None:
        if done > step:
            raise Stop

    return report


@pytest.mark.parametrize(("arm", "device"), RUNS)
def test_runs_are_equal_and_go_on_anywhere(arm: str, device: Any, tmp_path: Path) -> None:
    config = config_of(ARMS[arm])
    here = train(config, tmp_path / "here")
    there = train(config, tmp_path / "there", device=device)
    with pytest.raises(Stop):
        train(config, tmp_path / "moved", stop_at(6))
    moved = train(config, tmp_path / "moved", device=device)
    with pytest.raises(Stop):
        train(config, tmp_path / "back", stop_at(6), device=device)
    back = train(config, tmp_path / "back")
    assert here.config.digest() == there.config.digest()
    for run in (there, moved, back):
        assert run.result.l0 == here.result.l0
        assert run.result.channels["neuron"].n == here.result.channels["neuron"].n
        assert run.result.test_loss == pytest.approx(here.result.test_loss, abs=2e-3)
        for name, ours in here.load().state_dict().items():
            off = (ours - run.load().state_dict()[name]).abs()
            # At the threshold a weight may fall on the other side, and in twelve steps of so
            # small a network that moves others: .07 of a tensor was seen, and .12 on one device
            # after a start that was off by 1e-7. Equal kept sets are tested below.
            assert float((off > 1e-3).float().mean()) < 0.2, name
    assert open_run(tmp_path / "there").load().device.type == "cpu"


@pytest.mark.parametrize("device", DEVICES)
def test_the_same_weights_are_kept(device: str) -> None:
    """On given tensors the kept set is equal to the bit, ties included."""
    draws = generator("kept")
    for k in (1, 37, 600, 1999, 2000):
        for values in (
            torch.randn(50, 40, generator=draws),
            torch.randint(-3, 4, (50, 40), generator=draws).float(),
            torch.zeros(50, 40),
            torch.randint(-3, 4, (50, 40), generator=draws) * 2.0**-140,  # denormal
        ):
            assert torch.equal(largest_mask(values.to(device), k).cpu(), largest_mask(values, k))
    values = torch.randint(-3, 4, (50, 40), generator=draws).float()
    large = torch.randn(900, 700, generator=draws).half().float()  # rounded: there are ties
    for minimum in (None, (2, 0), (2, 1)):
        here, there = ([x.clone().to(d) for x in (values, large)] for d in ("cpu", device))
        for both in (here, there):
            keep_largest_of_each_([Cut(x, x.numel() // 7, minimum) for x in both])
        for ours, theirs in zip(here, there, strict=True):
            assert torch.equal(ours, theirs.cpu()), (minimum, ours.shape)
    for dim in (0, 1):
        ours = largest_mask_with_minimum(values.to(device), 300, 2, dim).cpu()
        assert torch.equal(ours, largest_mask_with_minimum(values, 300, 2, dim))


@pytest.mark.parametrize("device", DEVICES)
def rows_with_ties(width: int) -> tuple[Tensor, Tensor]:
    draws = generator("rows", width)
    x = torch.randn(64, width, generator=draws).half().float()  # rounded: there are ties
    x[::7], x[::11] = x[::7] * 2.0**-140, 0.0
    return x, torch.randn(x.shape, generator=draws)


@pytest.mark.parametrize("device", DEVICES)
def test_the_same_activations_are_kept(device: str) -> None:
    for width, k in ((128, 32), (500, 7)):
        x, grad = rows_with_ties(width)
        results: list[tuple[Tensor, Tensor]] = []
        for where in ("cpu", device):
            leaf = x.to(where).requires_grad_()
            y = abs_topk(leaf, k)
            (passed,) = torch.autograd.grad(y, leaf, grad.to(where))
            results.append((y.detach().cpu(), passed.cpu()))
        assert torch.equal(results[0][0], results[1][0])
        assert torch.equal(results[0][1], results[1][1])


COMPILED = """
import sys, torch
from netseams.masks import Cut, abs_topk, keep_largest_of_each_, largest_mask
draws = torch.Generator().manual_seed(0)
x = torch.randn(64, 128, generator=draws).half().float()
device = sys.argv[1]
select = torch.compile(lambda x: abs_topk(x, 32), dynamic=False)
choose = torch.compile(lambda x: largest_mask(x, 400), dynamic=False)
leaf, there = x.clone().requires_grad_(), x.to(device).requires_grad_()
ours, theirs = abs_topk(leaf, 32), select(there)
assert torch.equal(ours, theirs.cpu())
for y, z in ((ours, leaf), (theirs, there)):
    y.square().sum().backward()
assert torch.equal(leaf.grad, there.grad.cpu())
assert torch.equal(largest_mask(x, 400), choose(x.to(device)).cpu())
"""


@pytest.mark.parametrize("device", [pytest.param("cpu", marks=pytest.mark.slow), gpu])
def test_compiled_selections_keep_the_same(device: str) -> None:
    """`torch.compile` makes kernels of its own for a GPU; it cannot trace through shape checks,
    so it runs in an interpreter without them."""
    found = subprocess.run(
        [sys.executable, "-c", COMPILED, device], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("device", DEVICES)
def test_circuits_are_found_scored_and_stored_from_anywhere(
    device: str, ground: tuple[StringOps, Task], tmp_path: Path
) -> None:
    corpus, task = ground
    model = train(config_of(WeightSparse(density=0.3)), tmp_path / "run").load()
    means = mean_activations(model, corpus, 64)
    there, back = copy_of(model, True).to(device), copy_of(model, True)
    means_there = mean_activations(there, corpus, 64)
    config = NodeMaskConfig(steps=10, batch_size=16, lr=0.05, price_end=0.03, drop_below=-0.05,
                            init="attribution", snapshots=5, bisections=3)  # fmt: skip
    found = NodeMasks(config).fit(there, task, means_there, (3.0,)).circuits_[3.0]
    assert found is not None
    save_circuit(tmp_path / "circuit", found)
    circuit = load_circuit(tmp_path / "circuit")
    assert torch.equal(circuit.nodes["ln_final.hook_normalized"],
                       found.nodes["ln_final.hook_normalized"])  # fmt: skip
    for asked in (circuit, random_circuit(circuit, there, 0), circuit.without([], there)):
        for kind in ABLATIONS:
            ours = sufficiency(asked, there, task, kind, means_there)
            theirs = sufficiency(asked, back, task, kind, means)
            assert ours.loss == pytest.approx(theirs.loss, abs=1e-4)
            (ours,) = removal_scores(asked, there, [task], kind, means_there)
            (theirs,) = removal_scores(asked, back, [task], kind, means)
            assert ours.loss == pytest.approx(theirs.loss, abs=1e-4)
            same = agreement(asked, there, task, kind, means_there)
            assert same.kl == pytest.approx(agreement(asked, back, task, kind, means).kl, abs=1e-4)
    rise = next_token_rise(circuit, there, corpus, means_there)
    assert rise == pytest.approx(next_token_rise(circuit, back, corpus, means), abs=1e-4)
    for twin in (untrained_twin, redrawn_on_support):
        ours, theirs = twin(there, 3), twin(back, 3)
        assert ours.device == there.device
        assert all(torch.equal(a.cpu(), b) for a, b in zip(
            ours.parameters(), theirs.parameters(), strict=True))  # fmt: skip


@pytest.mark.parametrize("device", DEVICES)
def test_bridges_are_the_same_anywhere(device: str, ground: tuple[StringOps, Task]) -> None:
    corpus, task = ground
    steered: list[tuple[float, ...]] = []
    for where in ("cpu", device):
        pair = [Transformer(MODEL, seed).to(where) for seed in (0, 1)]
        bridges = ridge_bridges(pair[0], pair[1], corpus, n_sequences=64)
        batch = corpus.batch("train", 8, 10, generator(3))
        losses = bridge_losses(bridges, pair[0], pair[1], batch)
        curve = steering(bridges, pair[0], pair[1], task, SteeringConfig(random_directions=1))
        steered.append((*curve.steered, *curve.random[0], *losses.encode_nmse.tolist(),
                        *losses.dense_tail_kl.tolist()))  # fmt: skip
    assert steered[0] == pytest.approx(steered[1], abs=1e-3)
