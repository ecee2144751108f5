"""Exact selection of the largest magnitudes in matrices that lie in pieces on many processes.

Non-negative floats order like their bit patterns, so the k-th largest magnitude is found digit by
digit (radix selection): every process counts its entries by their leading 12 bits, the counts of
all matrices are added up in one collective, the digit that holds the k-th entry is fixed, and so
on with the next 12 and the last 7. The last counts are gathered instead of added: they also tell
each process how many ties lie before its own. Three collectives for all matrices together, and a
fourth where columns have a minimum.

Only this module of the room needs `torch.distributed`, which takes a second to import: the room
does not import it for you.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
import torch.distributed as dist
from jaxtyping import Bool, Int
from torch import Tensor
from torch.distributed.tensor import DTensor, Shard

from netseams.core import SettingError

DIGITS = ((19, 12), (7, 12), (0, 7))
"""(shift, width) of every pass over the 31 bits of a magnitude."""
_FORCED = 2**31 - 1
_INDEX = 2**32 - 1


@runtime_checkable
class Peers(Protocol):
    """The processes that hold the pieces; all call the same methods in the same order."""

    rank: int
    size: int

    def total(self, counts: Tensor) -> Tensor:
        """Sum over all processes."""
        ...

    def gathered(self, part: Tensor) -> Tensor:
        """Every process's `part`, in rank order along a new first axis."""
        ...


@dataclass(frozen=True)
class Piece:
    """The rows of one matrix that lie here. Pieces in rank order give the matrix."""

    values: Tensor
    """float32, any number of rows, also none."""
    start: int
    """Row of the matrix at which this piece begins."""
    numel: int
    """Entries of the whole matrix."""
    k: int
    """Entries of the whole matrix that are kept."""
    minimum: tuple[int, int] | None = None
    """(j, dim): every channel keeps its j largest within the k, as in
    `largest_mask_with_minimum`: a row where dim is 1, a column where it is 0."""
    left: Tensor | None = None
    """False at entries that cannot be kept any more; None: all can. Fewer than k: all are."""


class GroupPeers:
    """`Peers` over a process group."""

    def __init__(self, group: dist.ProcessGroup) -> None:
        self.group = group
        self.rank, self.size = dist.get_rank(group), dist.get_world_size(group)

    def total(self, counts: Tensor) -> Tensor:
        dist.all_reduce(counts, group=self.group)
        return counts

    def gathered(self, part: Tensor) -> Tensor:
        whole = part.new_empty(self.size, *part.shape)
        dist.all_gather(list(whole.unbind(0)), part, group=self.group)
        return whole


def piece_of(
    matrix: Tensor, k: int, minimum: tuple[int, int] | None = None, left: Tensor | None = None
) -> Piece:
    """What lies here of a matrix that `fully_shard` has split; shares its memory.

    Raises:
        SettingError: it is not float32, or not split by rows over one group of processes.
    """
    placed = matrix.placements if isinstance(matrix, DTensor) else "a plain tensor"
    if not isinstance(matrix, DTensor) or placed != (Shard(0),):
        raise SettingError(
            "sharded selection needs matrices split by rows over one group of processes, "
            f"got {placed}: use fully_shard with its default placement"
        )
    mesh = matrix.device_mesh
    if matrix.dtype != torch.float32:
        raise SettingError(
            f"sharded selection needs float32 weights, got {matrix.dtype}: keep the weights in "
            "float32 and set a lower precision in fully_shard's MixedPrecisionPolicy"
        )
    start = first_row(matrix.shape[0], mesh.get_local_rank(), mesh.size())
    with torch.no_grad():
        return Piece(matrix.to_local(), start, matrix.numel(), k, minimum, left)


def first_row(rows: int, rank: int, size: int) -> int:
    """Where process `rank` of `size` begins: equal shares, rounded up, until no row is left."""
    return min(rows, rank * math.ceil(rows / size))


def split_largest_masks(pieces: Sequence[Piece]) -> list[Bool[Tensor, "..."]]:
    """`largest_masks` over all processes of the default group."""
    assert dist.group.WORLD is not None
    return largest_masks(pieces, GroupPeers(dist.group.WORLD))


def keep_largest_sharded_(matrices: Sequence[tuple[DTensor, int]]) -> None:
    """`keep_largest_` for all (matrix, k) at once, in place, over the processes they lie on.

    Raises:
        SettingError: as `piece_of` and `largest_masks`.
    """
    if not matrices:
        return
    with torch.no_grad():
        pieces = [piece_of(matrix, k) for matrix, k in matrices]
        peers = GroupPeers(matrices[0][0].device_mesh.get_group())
        for piece, mask in zip(pieces, largest_masks(pieces, peers), strict=True):
            piece.values.mul_(mask)


def largest_masks(pieces: Sequence[Piece], peers: Peers) -> list[Bool[Tensor, "..."]]:
    """Per piece, True at the entries that belong to the k largest of the whole matrix.

    Ties at the threshold go to the entries that come first in the whole matrix, as in
    `largest_mask`.

    Raises:
        SettingError: a `k` is negative or exceeds the matrix.
    """
    for piece in pieces:
        if not 0 <= piece.k <= piece.numel:
            raise SettingError(f"cannot keep {piece.k} of {piece.numel} entries")
    forced = _forced(pieces, peers)
    device, every = pieces[0].values.device, torch.arange(len(pieces))
    wide = any(piece.numel > torch.iinfo(torch.int32).max for piece in pieces)
    threshold = torch.zeros(len(pieces), dtype=torch.int64, device=device)
    wanted = torch.tensor([piece.k for piece in pieces], device=device)
    ties = wanted
    for shift, width in DIGITS:
        counts = torch.stack([
            _count(_bits(piece, marks), prefix, shift, width)
            for piece, marks, prefix in zip(pieces, forced, threshold, strict=True)
        ]).to(torch.int64 if wide else torch.int32)  # fmt: skip
        parts = peers.gathered(counts) if shift == 0 else peers.total(counts).unsqueeze(0)
        digit, wanted = _descend(parts.sum(0), wanted)
        threshold = (threshold << width) | digit
        ties = parts[:, every.to(device), digit]
    before = ties[: peers.rank].sum(0)
    allowed = (wanted - before).clamp(min=0).tolist()
    return [
        _reaching(_bits(piece, marks), level, n)
        for piece, marks, level, n in zip(pieces, forced, threshold, allowed, strict=True)
    ]


def _count(bits: Int[Tensor, "..."], prefix: Tensor, shift: int, width: int) -> Int[Tensor, " b"]:
    """How many entries that begin with `prefix` have each value of the next digit."""
    digits = bits >> shift
    inside = digits[(digits >> width) == prefix]
    return torch.bincount(inside & (2**width - 1), minlength=2**width)


def _descend(
    counts: Int[Tensor, "m b"], wanted: Int[Tensor, " m"]
) -> tuple[Int[Tensor, " m"], Int[Tensor, " m"]]:
    """The digit at which `wanted` entries are reached from above, and how many it must give."""
    reached = counts.flip(1).cumsum(1)
    wanted = wanted.minimum(reached[:, -1])
    place = (reached < wanted.unsqueeze(1)).sum(1, keepdim=True)
    digit = counts.shape[1] - 1 - place
    above = reached.gather(1, place) - counts.gather(1, digit)
    return digit.squeeze(1), wanted - above.squeeze(1)


def _reaching(bits: Int[Tensor, "..."], level: Tensor, n_ties: int) -> Bool[Tensor, "..."]:
    """Above `level`, and the first `n_ties` at it."""
    keep = bits > level
    if n_ties:
        at_level = (bits == level).flatten().nonzero().squeeze(1)
        keep.view(-1)[at_level[:n_ties]] = True
    return keep


def _bits(piece: Piece, forced: Tensor | None) -> Int[Tensor, "..."]:
    """Magnitudes as integers; above all of them what must be kept, below what cannot."""
    bits = piece.values.detach().abs().view(torch.int32)
    if forced is not None:
        bits.masked_fill_(forced, _FORCED)
    if piece.left is not None:
        bits.masked_fill_(~piece.left, -1)
    return bits


def _forced(pieces: Sequence[Piece], peers: Peers) -> list[Bool[Tensor, "..."] | None]:
    """What the minimum per channel keeps; ties go to the lower index.

    A row lies on one process. For columns each process offers its j best entries of every
    column, and all offers are gathered at once.
    """
    bounded = [(i, piece, *piece.minimum) for i, piece in enumerate(pieces) if piece.minimum]
    ranked = {i: _ranked(piece, dim) for i, piece, _, dim in bounded}
    best = {i: _best(ranked[i], j, dim) for i, _, j, dim in bounded}
    split = [i for i, _, _, dim in bounded if dim == 0]
    if split:
        offers = peers.gathered(torch.cat([best[i].flatten() for i in split]))
        sizes = [best[i].numel() for i in split]
        for i, part in zip(split, offers.split(sizes, dim=1), strict=True):
            best[i] = part.reshape(-1, ranked[i].shape[1])
    forced: list[Tensor | None] = [None] * len(pieces)
    for i, _, j, dim in bounded:
        forced[i] = ranked[i] >= _best(best[i], j, dim).amin(dim, keepdim=True)
    return forced


def _ranked(piece: Piece, dim: int) -> Int[Tensor, "rows columns"]:
    """Distinct numbers that order the entries along `dim`."""
    bits = piece.values.detach().abs().view(torch.int32).long()
    first = piece.start if dim == 0 else 0
    index = torch.arange(first, first + bits.shape[dim], device=bits.device).unsqueeze(1 - dim)
    return (bits << 32) | (_INDEX - index)


def _best(ranked: Int[Tensor, "rows columns"], j: int, dim: int) -> Int[Tensor, "_ _"]:
    """The j largest along `dim`; -1 where there are fewer."""
    found = ranked.topk(min(j, ranked.shape[dim]), dim).values
    missing = list(found.shape)
    missing[dim] = j - found.shape[dim]
    return torch.cat([found, found.new_full(missing, -1)], dim)
