"""A compiled circuit as files: for torch, with the few lines that run it, or as ONNX.

circuit.safetensors   tensors; the header holds the rest as JSON (`CutHeader`)
run_circuit.py        loads and runs it without netseams; the same code that netseams runs
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from netseams.circuits.circuit import Circuit
from netseams.circuits.compiled import CompiledCircuit, CutHeader
from netseams.core import CircuitMismatchError, FileFormatError
from netseams.interventions import masked_hooks
from netseams.models import Transformer
from netseams.store import load_format, save_tensors, write_text

FORMAT = "netseams.compiled"
VERSION = "1"
TOLERANCE = 1e-5
"""Largest difference of a logit, where logits are of size 1; in proportion where larger."""

Run = Callable[[Tensor], Tensor]
"""Tokens (B, T) -> logits (B, T, V)."""


def export_torch(
    circuit: Circuit, model: Transformer, means: Mapping[str, Tensor], folder: Path,
    candidates: Int[Tensor, " C"] | None = None,
) -> CompiledCircuit:  # fmt: skip
    """Cut `circuit` out of `model` and write it with its loader; returns what was written.

    Args:
        candidates: token ids of its task, to which its calibration is applied; None leaves it out.

    Raises:
        CircuitMismatchError: the circuit is of another model.
        SettingError: the calibration is for another number of candidates.
        StorageError: no space, or the folder cannot be written.
    """
    compiled = CompiledCircuit(circuit, model, means, candidates=candidates)
    header = {"format": FORMAT, "version": VERSION, "circuit": compiled.card.model_dump_json()}
    save_tensors(folder / "circuit.safetensors", compiled.parts(), header)
    loader = files("netseams.circuits").joinpath("standalone.py").read_text(encoding="utf-8")
    write_text(folder / "run_circuit.py", loader)
    return compiled


def load_compiled(path: Path) -> CompiledCircuit:
    """Read what `export_torch` wrote: its folder, or the safetensors file itself.

    Raises:
        FileFormatError: missing, truncated, a pickle, of another format or version, or its
            tensors do not fit its header.
    """
    path = path / "circuit.safetensors" if path.is_dir() else path
    tensors, header = load_format(path, FORMAT, VERSION)
    card = CutHeader.parse_json(header.get("circuit", ""), str(path))
    try:
        compiled = CompiledCircuit.from_parts(card, tensors)
        length = (
            compiled.get_buffer("pos_embed").shape[0] if card.positions != "none" else card.n_ctx
        )
        vocabulary = compiled.get_buffer("embed").shape[0]
        with torch.no_grad():
            logits = compiled(torch.zeros(1, min(2, card.n_ctx), dtype=torch.long))
        fits = (length, vocabulary, logits.shape[2]) == (card.n_ctx, card.d_vocab, card.d_vocab)
    except (AttributeError, IndexError, KeyError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise FileFormatError(f"{path}: tensors and header do not fit ({reason})") from None
    if not fits:
        raise FileFormatError(f"{path}: tensors and header disagree on positions or vocabulary")
    return compiled


@dataclass(frozen=True)
class Difference:
    """How far exported logits lie from those of the masked model."""

    largest: float
    """In any logit."""
    beyond: int
    """Positions with a logit further off than `TOLERANCE` allows."""
    positions: int


def difference_from_masked(
    run: Run,
    circuit: Circuit,
    model: Transformer,
    means: Mapping[str, Tensor],
    tokens: Int[Tensor, "B T"],
    candidates: Int[Tensor, " C"] | None = None,
) -> Difference:
    """Compare `run` with the model whose nodes outside the circuit are held at `means`.

    Args:
        candidates: token ids of its task, to which its calibration is applied; None leaves it out.
    """
    hooks = masked_hooks(circuit.nodes, means)
    largest, beyond = 0.0, 0
    with torch.no_grad():
        for batch in tokens.split(64):
            expected = model.run_with_hooks(batch, hooks)
            if circuit.calibration is not None and candidates is not None:
                expected = circuit.calibration.apply_to_all(expected, candidates)
            off = (run(batch) - expected).abs().amax(dim=2)
            largest = max(largest, float(off.max()))
            beyond += int((off > TOLERANCE * max(1.0, float(expected.abs().max()))).sum())
    return Difference(largest, beyond, tokens.numel())


def check_difference(found: Difference, near_ties: bool) -> None:
    """Refuse an export that is not the masked model.

    Args:
        found: from `difference_from_masked`.
        near_ties: whether AbsTopK may settle near-ties the other way: then one position in a
            hundred may be off.

    Raises:
        CircuitMismatchError: logits differ.
    """
    allowed = found.positions // 100 if near_ties else 0
    if not found.beyond <= allowed:
        raise CircuitMismatchError(
            f"the exported circuit differs from the masked model by up to {found.largest:.1e} at "
            f"{found.beyond} of {found.positions} positions: do not use it, and report this"
        )
