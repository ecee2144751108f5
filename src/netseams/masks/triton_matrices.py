# pyright: reportArgumentType=false, reportCallIssue=false, reportGeneralTypeIssues=false
# (Triton compiles these functions: they are called with other types than they say.)
"""Exact selection in many matrices on a GPU at once: five launches, however many there are.

Radix selection as in `sharded.py`, in Triton: of every matrix the entries are counted by the
leading eight bits of their magnitude, the digit that holds the k-th is fixed, and so on with the
next eight, eight and seven; a last pass zeroes what stays below. Nothing waits for the GPU, and
every entry is read five times.

Imports Triton, which torch brings along where it can use a GPU: the room imports this module only
there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import no_type_check

import torch
import triton
import triton.language as tl
from torch import Tensor

DIGITS = ((23, 8), (15, 8), (7, 8), (0, 7))
"""(shift, width) of every pass over the 31 bits of a magnitude."""
_BINS = 256
_CHUNK, _ROUNDS = 2048, 8
_SHARE = _CHUNK * _ROUNDS
"""Entries that one program handles."""


@dataclass(frozen=True)
class _Plan:
    """Who handles what; on the device."""

    ranked: Tensor
    """Address of every matrix that is ranked."""
    zeroed: Tensor
    """Address of what is zeroed where the ranked one is too small."""
    numels: Tensor
    first: Tensor
    """First program of every matrix."""
    matrix: Tensor
    """Matrix of every program."""


def keep_largest_of_each_(
    ranked: Sequence[Tensor], kept: Sequence[int], zeroed: Sequence[Tensor]
) -> None:
    """Zero, in place, `zeroed[i]` but where `ranked[i]` has its `kept[i]` largest magnitudes.

    Contiguous float32 tensors on one device, of equal shape where they belong together, each of
    fewer than 2^31 entries; often the same ones. Ties as in `largest_mask`.
    """
    device = ranked[0].device
    plan = _plan(
        tuple(x.data_ptr() for x in ranked), tuple(x.data_ptr() for x in zeroed),
        tuple(x.numel() for x in ranked), device,
    )  # fmt: skip
    n, programs = len(ranked), len(plan.matrix)
    counts = torch.zeros(len(DIGITS), n, _BINS, dtype=torch.int32, device=device)
    levels = torch.empty(len(DIGITS), n, dtype=torch.int32, device=device)
    wanted, asked = torch.empty_like(levels), _asked(tuple(kept), device)
    shares = torch.empty(programs, _BINS, dtype=torch.int32, device=device)
    for i, (shift, width) in enumerate(DIGITS):
        _count_digits[(programs,)](
            plan.ranked, plan.numels, plan.first, plan.matrix,
            asked, counts, levels, wanted, shares, n,
            PASS=i, SHIFT=shift, WIDTH=width, LAST=i == len(DIGITS) - 1,
            BINS=_BINS, CHUNK=_CHUNK, ROUNDS=_ROUNDS,
        )  # fmt: skip
    _zero_the_rest[(programs,)](
        plan.ranked, plan.zeroed, plan.numels, plan.first, plan.matrix, counts, levels, wanted,
        shares, n, PASSES=len(DIGITS), WIDTH=DIGITS[-1][1],
        BINS=_BINS, CHUNK=_CHUNK, ROUNDS=_ROUNDS,
    )  # fmt: skip


@lru_cache(maxsize=16)
def _plan(
    ranked: tuple[int, ...], zeroed: tuple[int, ...], numels: tuple[int, ...], device: torch.device
) -> _Plan:
    """A function of addresses and sizes alone, so that steps share it."""
    shares = [-(-numel // _SHARE) for numel in numels]
    first = [sum(shares[:i]) for i in range(len(shares))]
    matrix = [i for i, share in enumerate(shares) for _ in range(share)]
    return _Plan(
        *(_sent(x, torch.int64, device) for x in (ranked, zeroed, numels)),
        *(_sent(x, torch.int32, device) for x in (first, matrix)),
    )


@lru_cache(maxsize=16)
def _asked(kept: tuple[int, ...], device: torch.device) -> Tensor:
    """The same at every step once annealing is over."""
    return _sent(kept, torch.int32, device)


def _sent(numbers: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
    """On the device, without waiting for it."""
    here = torch.tensor(numbers, dtype=dtype, pin_memory=device.type == "cuda")
    return here.to(device, non_blocking=True)


@triton.jit
@no_type_check
def _descend(counts, level, need, WIDTH: tl.constexpr, BINS: tl.constexpr):
    """The digit at which `need` entries are reached from above: the level with it, what it must
    give, and how many it has."""
    bins = tl.arange(0, BINS)
    here = tl.load(counts + bins)
    reached = tl.cumsum(here, 0, reverse=True)
    digit = tl.sum((reached >= need).to(tl.int32), 0) - 1
    chosen = bins == tl.minimum(digit, (1 << WIDTH) - 1)
    has = tl.sum(tl.where(chosen, here, 0), 0)
    above = tl.sum(tl.where(chosen, reached, 0), 0) - has
    return (level << WIDTH) | tl.minimum(digit, (1 << WIDTH) - 1), need - above, has


@triton.jit
@no_type_check
def _bits_at(address, at, numel):
    """Magnitudes as integers, which order like them; -1 beyond the end."""
    bits = tl.load(address + at, mask=at < numel, other=0) & 0x7FFFFFFF
    return tl.where(at < numel, bits, -1)


@triton.jit
@no_type_check
def _count_digits(
    ranked, numels, first, matrix, asked, counts, levels, wanted, shares, n,
    PASS: tl.constexpr, SHIFT: tl.constexpr, WIDTH: tl.constexpr, LAST: tl.constexpr,
    BINS: tl.constexpr, CHUNK: tl.constexpr, ROUNDS: tl.constexpr,
):  # fmt: skip
    """Adds to counts[PASS, matrix]: entries that begin with the level so far, by their next digit.

    The first program of a matrix notes that level; the last pass also notes every program's share.
    """
    program = tl.program_id(0)
    m = tl.load(matrix + program)
    own = program - tl.load(first + m)
    numel = tl.load(numels + m)
    address = tl.load(ranked + m).to(tl.pointer_type(tl.int32))
    level = tl.zeros((), tl.int32)
    if PASS > 0:
        before = (PASS - 1) * n + m
        if PASS == 1:
            need = tl.load(asked + m)
        else:
            level, need = tl.load(levels + before), tl.load(wanted + before)
        # All digits but the last have the first one's width.
        level, need, _ = _descend(counts + before * BINS, level, need, 8, BINS)
        if own == 0:
            tl.store(levels + PASS * n + m, level)
            tl.store(wanted + PASS * n + m, need)
    total = tl.zeros((BINS,), tl.int32)
    for i in range(ROUNDS):
        at = own.to(tl.int64) * (CHUNK * ROUNDS) + i * CHUNK + tl.arange(0, CHUNK)
        bits = _bits_at(address, at, numel)
        inside = (bits >= 0) & ((bits >> (SHIFT + WIDTH)) == level)
        total += tl.histogram((bits >> SHIFT) & ((1 << WIDTH) - 1), BINS, mask=inside)
    bins = tl.arange(0, BINS)
    tl.atomic_add(counts + (PASS * n + m) * BINS + bins, total, mask=total > 0)
    if LAST:
        tl.store(shares + program * BINS + bins, total)


@triton.jit
@no_type_check
def _zero_the_rest(
    ranked, zeroed, numels, first, matrix, counts, levels, wanted, shares, n,
    PASSES: tl.constexpr, WIDTH: tl.constexpr,
    BINS: tl.constexpr, CHUNK: tl.constexpr, ROUNDS: tl.constexpr,
):  # fmt: skip
    """Zeroes entries below the k-th magnitude, and of those at it all but the first ones."""
    program = tl.program_id(0)
    m = tl.load(matrix + program)
    begin = tl.load(first + m)
    own = program - begin
    numel = tl.load(numels + m)
    address = tl.load(ranked + m).to(tl.pointer_type(tl.int32))
    target = tl.load(zeroed + m).to(tl.pointer_type(tl.float32))
    last = (PASSES - 1) * n + m
    level, need, has = _descend(
        counts + last * BINS, tl.load(levels + last), tl.load(wanted + last), WIDTH, BINS
    )
    ties = tl.zeros((), tl.int32)
    if need < has:  # how many lie in the programs before this one
        digit = level & ((1 << WIDTH) - 1)
        start = tl.zeros((), tl.int32)
        while start < own:
            others = start + tl.arange(0, 1024)
            ties += tl.sum(
                tl.load(shares + (begin + others) * BINS + digit, mask=others < own, other=0), 0
            )
            start += 1024
    for i in range(ROUNDS):
        at = own.to(tl.int64) * (CHUNK * ROUNDS) + i * CHUNK + tl.arange(0, CHUNK)
        bits = _bits_at(address, at, numel)
        at_level = bits == level
        keep = at_level | (bits > level)
        if need < has:
            tied = at_level.to(tl.int32)
            keep = (bits > level) | (at_level & (ties + tl.cumsum(tied, 0) <= need))
            ties += tl.sum(tied, 0)
        tl.store(target + at, tl.zeros((CHUNK,), tl.float32), mask=(at < numel) & (keep == 0))
