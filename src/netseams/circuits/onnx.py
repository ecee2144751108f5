"""A compiled circuit as ONNX: tokens (batch, time) -> logits (batch, time, vocabulary)."""

import importlib.util
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from netseams.circuits.circuit import Circuit
from netseams.circuits.compiled import CompiledCircuit
from netseams.core import SettingError
from netseams.models import Transformer
from netseams.store import write_bytes


def export_onnx(
    circuit: Circuit, model: Transformer, means: Mapping[str, Tensor], path: Path,
    candidates: Int[Tensor, " C"] | None = None,
) -> CompiledCircuit:  # fmt: skip
    """Cut `circuit` out of `model` and write it; batch and time stay free, matrices are dense.

    Args:
        candidates: token ids of its task, to which its calibration is applied; None leaves it out.

    Raises:
        CircuitMismatchError: the circuit is of another model.
        SettingError: the packages that write ONNX are not installed, or the calibration is for
            another number of candidates.
        StorageError: no space, or the folder cannot be written.
    """
    _need("onnx", "onnxscript")
    compiled = CompiledCircuit(circuit, model, means, "dense", candidates)
    tokens = torch.zeros(2, compiled.card.n_ctx, dtype=torch.long)
    batch, time = torch.export.Dim("batch"), torch.export.Dim("time", max=compiled.card.n_ctx)
    with _quietly():
        program = torch.onnx.export(
            compiled, (tokens,), dynamo=True, verbose=False,
            input_names=["tokens"], output_names=["logits"],
            dynamic_shapes={"tokens": {0: batch, 1: time}},
        )  # fmt: skip
    assert program is not None
    write_bytes(path, program.model_proto.SerializeToString())
    return compiled


class OnnxCircuit:
    """Runs such a file with onnxruntime, on tensors."""

    def __init__(self, path: Path) -> None:
        """Open `path`.

        Raises:
            SettingError: onnxruntime is not installed.
        """
        _need("onnxruntime")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, tokens: Tensor) -> Tensor:
        (logits,) = self._session.run(None, {"tokens": tokens.numpy()})
        return torch.from_numpy(np.asarray(logits))


def _need(*packages: str) -> None:
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingError(
            f"ONNX needs {' and '.join(missing)}, which is not installed: "
            "pip install 'netseams[onnx]'"
        )


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what torch's exporter says of itself, which is not about circuits."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(before)
