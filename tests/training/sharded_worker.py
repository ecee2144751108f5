"""One of the processes of `test_distributed.py`: does everything at once, since starting is dear.

sharded_worker.py FOLDER: reads given.safetensors, config.json and run-*.json; writes rank-*.json,
kept.safetensors and the runs.
"""

import json
import sys
from pathlib import Path

import torch
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, Replicate
from torch.distributed.tensor.debug import CommDebugMode

from netseams.core import SettingError
from netseams.corpora import load_corpus
from netseams.masks.sharded import keep_largest_sharded_, piece_of, split_largest_masks
from netseams.store import load_tensors, save_tensors
from netseams.training import RunConfig, train
from netseams.training.distributed import Processes, launched_processes, local
from netseams.training.loop import Trainer


class Given(nn.Module):
    """Weights that were given, each a parameter of its own."""

    def __init__(self, weights: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.weights = nn.ParameterDict({n: nn.Parameter(w.clone()) for n, w in weights.items()})


def collectives(mode: CommDebugMode) -> dict[str, int]:
    return {str(name).split(".")[-1]: n for name, n in mode.get_comm_counts().items() if n}


def select(processes: Processes, folder: Path) -> dict[str, object]:
    """Keep a third of all given weights; then again with a minimum for rows and for columns."""
    given, _ = load_tensors(folder / "given.safetensors")
    module = Given(given)
    fully_shard(module, mesh=processes.mesh)
    weights = {name.removeprefix("weights."): p for name, p in module.named_parameters()}
    sizes = {name: len(local(p)) for name, p in weights.items()}
    minima = {"rows": (2, 1), "columns": (2, 0)}
    with CommDebugMode() as bounded:
        pieces = [piece_of(p, p.numel() // 3, minima.get(n)) for n, p in weights.items()]
        masks = split_largest_masks(pieces)
    kept = {}
    for (name, p), mask in zip(weights.items(), masks, strict=True):
        with torch.no_grad():
            kept[f"bounded.{name}"] = DTensor.from_local(
                local(p) * mask, p.device_mesh, p.placements, shape=p.shape, stride=p.stride()
            )
    with CommDebugMode() as plain:
        keep_largest_sharded_([(p, p.numel() // 3) for p in weights.values()])
    kept |= {f"plain.{name}": p.detach() for name, p in weights.items()}
    whole = processes.gather(kept)
    if processes.first:
        save_tensors(folder / "kept.safetensors", whole, {})
    return {"plain": collectives(plain), "bounded": collectives(bounded), "rows": sizes}


def refused(processes: Processes) -> list[str]:
    """What is said of weights that cannot be selected from."""
    said = []
    whole = DTensor.from_local(torch.ones(2, 2), processes.mesh, [Replicate()])
    for tensor in (whole, processes.cut(torch.ones(4, 2, dtype=torch.bfloat16))):
        try:
            piece_of(tensor, 1)
        except SettingError as error:
            said.append(str(error))
    return said


def measure(processes: Processes, config: RunConfig) -> dict[str, object]:
    """Bytes that lie here after a step, and the collectives of one more."""
    trainer = Trainer(config, load_corpus(config.corpus), processes)
    steps = iter(range(2))
    mode, counts = CommDebugMode(), {}

    def on_step(_: object) -> None:
        if next(steps) == 0:
            mode.__enter__()
        else:
            mode.__exit__(None, None, None)
            counts.update(collectives(mode))

    trainer.run(on_step)
    states = trainer.optimizer.state.values()
    size = [local(p).numel() * 4 for p in trainer.model.parameters()]
    moments = [local(s[m]).numel() * 4 for s in states for m in ("exp_avg", "exp_avg_sq")]
    return {"weights": sum(size), "moments": sum(moments), "step": counts}


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    with launched_processes() as processes:
        assert processes is not None
        found = select(processes, folder) | {"refused": refused(processes)}
        config = RunConfig.read(folder / "config.json")
        short = config.model_copy(update={"train": config.train.model_copy(update={"steps": 2})})
        found |= {"measured": measure(processes, short)}
        for arm in sorted(folder.glob("run-*.json")):
            done = train(RunConfig.read(arm), folder / arm.stem, processes=processes)
            found[arm.stem] = done.result.model_dump()
        (folder / f"rank-{processes.rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
