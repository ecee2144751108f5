"""Seeds. Every random draw comes from a named branch of one integer."""

import hashlib

import torch


def seed_from(*parts: object) -> int:
    """A 63-bit seed that depends on every part and on nothing else.

    Named branches (`seed_from(seed, "init")`, `seed_from(seed, "batch", step)`) keep draws
    independent: adding one never shifts another.
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(*parts: object) -> torch.Generator:
    """A CPU generator seeded by `seed_from(*parts)`."""
    return torch.Generator().manual_seed(seed_from(*parts))
