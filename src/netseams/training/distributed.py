"""One model on many processes: FSDP2 under `torchrun`, the same loop, the same files.

Weights, gradients and moments are float32 and split by rows (`fully_shard`); every process reads
its rows of the same batch. The first process writes, and writes whole tensors, so that a
checkpoint resumes on any number of processes.

DTensor and FSDP are imported where they are used: they take a second, which runs on one process
need not wait for.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh

from netseams.core import ProcessLostError, SettingError
from netseams.corpora import Batch
from netseams.corpora.base import IGNORED
from netseams.models import Transformer

T = TypeVar("T")
PATIENCE = timedelta(minutes=10)
"""How long a process waits for the others, in a collective or while the first one writes."""


class Processes:
    """This process among those that share one model. All of them call the same methods in turn."""

    def __init__(self, mesh: DeviceMesh, device: torch.device) -> None:
        self.mesh, self.device = mesh, device
        self.rank, self.size = mesh.get_local_rank(), mesh.size()

    @property
    def first(self) -> bool:
        """Whether this one writes files and prints."""
        return self.rank == 0

    def check_batch(self, batch_size: int) -> None:
        """
        Raises:
            SettingError: fewer sequences in a batch than processes.
        """
        if batch_size < self.size:
            raise SettingError(
                f"a batch of {batch_size} sequences cannot be split over {self.size} processes: "
                f"start at most {batch_size}, or raise train.batch_size"
            )

    def shard(self, model: Transformer) -> None:
        """Split every parameter by rows; a block is put together only while it is computed."""
        from torch.distributed.fsdp import fully_shard

        for block in model.blocks:
            fully_shard(block, mesh=self.mesh)
        fully_shard(model, mesh=self.mesh)

    def loss(self, model: Transformer, batch: Batch) -> tuple[Tensor, float]:
        """Cross-entropy of `batch`, of which every process computes its rows.

        Returns a term to differentiate, whose mean over processes (which is what FSDP takes of
        gradients) is the loss of the whole batch, and that loss in nats, equal everywhere.
        """
        inputs, targets = self._rows(batch.inputs), self._rows(batch.targets)
        if not len(inputs):  # the collectives inside the model need everyone
            inputs, targets = batch.inputs[:1], torch.full_like(batch.targets[:1], IGNORED)
        logits = model(inputs.to(self.device))
        flat = targets.flatten().to(self.device)
        total = F.cross_entropy(logits.flatten(0, 1), flat, ignore_index=IGNORED, reduction="sum")
        part = total / int((batch.targets != IGNORED).sum())
        return part * self.size, self._sum(part.detach()).item()

    def _rows(self, x: Tensor) -> Tensor:
        return x.tensor_split(self.size)[self.rank]

    def norm(self, tensors: list[Tensor]) -> Tensor:
        """Euclidean norm of all entries of all split tensors, in one collective."""
        parts = [local(tensor) for tensor in tensors]
        norm = torch.nn.utils.get_total_norm([part for part in parts if part.numel()])
        return self._sum(norm.square().to(self.device)).sqrt()

    def _sum(self, value: Tensor) -> Tensor:
        value = value.clone()
        dist.all_reduce(value, group=self.mesh.get_group())
        return value

    def announced(self, number: int) -> int:
        """What the first process says."""
        box = torch.tensor(number if self.first else 0, device=self.device)
        return int(self._sum(box))

    def wait(self) -> None:
        """Until all are here."""
        self._sum(torch.zeros((), device=self.device))

    def after_the_first(self, make: Callable[[], T]) -> T:
        """What `make` returns; the others find what the first one has left in a cache."""
        made = make() if self.first else None
        self.wait()
        return make() if made is None else made

    def gather(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """Whole tensors on the first process, in host memory; nothing on the others."""
        whole: dict[str, Tensor] = {}
        for name, tensor in tensors.items():
            full = tensor.full_tensor() if is_split(tensor) else tensor  # pyright: ignore
            if self.first:
                whole[name] = full.cpu()
        return whole

    def cut(self, tensor: Tensor) -> Tensor:
        """A whole tensor split as `fully_shard` does it; scalars stay."""
        from torch.distributed.tensor import DTensor, Shard

        if tensor.ndim == 0:
            return tensor
        rows = _rows_of(tensor, self.rank, self.size).to(self.device).contiguous()
        return DTensor.from_local(
            rows, self.mesh, [Shard(0)], run_check=False, shape=tensor.shape,
            stride=tensor.stride(),
        )  # fmt: skip


def is_split(tensor: Tensor) -> bool:
    """Whether it is a DTensor, asked without importing that class."""
    return hasattr(tensor, "placements")


def local(tensor: Tensor) -> Tensor:
    """What lies here of a split tensor, sharing its memory; any other tensor as it is."""
    return tensor.to_local() if is_split(tensor) else tensor  # pyright: ignore


def rows_like(whole: Tensor, like: Tensor) -> Tensor:
    """The rows of `whole` that lie here of `like`."""
    if not is_split(like):
        return whole
    mesh: DeviceMesh = like.device_mesh  # pyright: ignore
    return _rows_of(whole, mesh.get_local_rank(), mesh.size())


def _rows_of(whole: Tensor, rank: int, size: int) -> Tensor:
    from netseams.masks.sharded import first_row

    return whole[first_row(len(whole), rank, size) : first_row(len(whole), rank + 1, size)]


@contextlib.contextmanager
def launched_processes() -> Iterator[Processes | None]:
    """The processes that `torchrun` has started; None where it has started none.

    A GPU each where there are some, else cores. When one of them dies the others raise within
    moments; one that only hangs is noticed after `PATIENCE`.

    Raises:
        ProcessLostError: another process has ended before its time.
    """
    if not dist.is_torchelastic_launched():
        yield None
        return
    after = signal.signal(signal.SIGTERM, _stopped)
    try:
        yield _join()
        dist.barrier()
        dist.destroy_process_group()
    except (RuntimeError, ProcessLostError) as error:
        if not isinstance(error, ProcessLostError | dist.DistError) and "gloo" not in str(error):
            raise  # gloo raises plain RuntimeErrors, with its name in them
        after = signal.SIG_IGN  # `torchrun` sends it about now; we end by ourselves
        raise ProcessLostError(_LOST) from None
    finally:
        signal.signal(signal.SIGTERM, after)


_LOST = (
    "another process of this run has ended: see what it said; run the same command again, on any "
    "number of processes, to go on from the last checkpoint"
)


def _stopped(*_: object) -> None:
    """`torchrun` stops the others when one process ends."""
    raise ProcessLostError(_LOST)


def _join() -> Processes:
    place, kind = int(os.environ["LOCAL_RANK"]), "cpu"
    if torch.cuda.is_available():
        if place >= torch.cuda.device_count():
            raise SettingError(
                f"process {place} of this machine has no GPU: there are "
                f"{torch.cuda.device_count()}; start as many processes as there are GPUs"
            )
        kind = "cuda"
        torch.cuda.set_device(place)
    dist.init_process_group("cpu:gloo,cuda:nccl" if kind == "cuda" else "gloo", timeout=PATIENCE)
    device = torch.device("cuda", place) if kind == "cuda" else torch.device("cpu")
    return Processes(init_device_mesh(kind, (dist.get_world_size(),)), device)
