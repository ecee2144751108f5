"""Modular arithmetic whose internal variables have names (tasks of arXiv 2311.04354, section 4).

`squares`: `a b = -> a^2 - b^2 mod p`, which a network may compute from the two squares or from
`(a + b)(a - b)`. `shared_node`: `op a b = -> (a mod m1) + (b mod m2)` or `(a mod m1) + (b mod m3)`,
where the first term serves both operations. Tests ask for pairs that training never showed: what
is learned there is a rule, and it may be learned late.
"""

from typing import ClassVar, Literal

from jaxtyping import Int
from pydantic import Field, model_validator
from torch import Tensor

from netseams.core import Config, UnknownNameError
from netseams.corpora.arithmetic import Arithmetic


class SquaresConfig(Config):
    """Differences of two squares."""

    kind: Literal["squares"] = "squares"
    modulus: int = Field(default=59, ge=53, le=113)
    """With fewer numbers the three splits of a task do not find enough pairs."""


class Squares(Arithmetic):
    """One answer, at `=`."""

    operations: ClassVar[tuple[str, ...]] = ("difference_of_squares",)

    def __init__(self, config: SquaresConfig) -> None:
        super().__init__(config, config.kind, config.modulus, 2, ("=",))

    def answer(self, operation: str, x: Int[Tensor, "n k"]) -> Int[Tensor, "n P"]:
        return (x[:, :1] ** 2 - x[:, 1:] ** 2) % self.modulus

    @property
    def internal_names(self) -> tuple[str, ...]:
        return ("a_squared", "b_squared", "sum", "difference")

    def internal(self, name: str, tokens: Int[Tensor, "n T"]) -> Int[Tensor, " n"]:
        a, b = tokens[:, self.first], tokens[:, self.first + 1]
        values = {
            "a_squared": a**2, "b_squared": b**2, "sum": a + b, "difference": a - b,
        }  # fmt: skip
        if name not in values:
            raise UnknownNameError("internal variable", name, values)
        return values[name] % self.modulus


class SharedNodeConfig(Config):
    """Two operations that share one of their two terms."""

    kind: Literal["shared_node"] = "shared_node"
    modulus: int = Field(default=59, ge=53, le=113)
    """How many numbers there are."""
    shared: int = Field(default=7, ge=2)
    first: int = Field(default=5, ge=2)
    second: int = Field(default=8, ge=2)

    @model_validator(mode="after")
    def _terms_differ(self) -> "SharedNodeConfig":
        if self.first == self.second:
            raise ValueError(f"first and second must differ, both are {self.first}")
        if self.shared + max(self.first, self.second) > self.modulus:
            raise ValueError("sums must be below modulus: choose smaller terms")
        return self


class SharedNode(Arithmetic):
    """`with_first` adds b mod `first` to a mod `shared`, `with_second` b mod `second`."""

    operations: ClassVar[tuple[str, ...]] = ("with_first", "with_second")

    def __init__(self, config: SharedNodeConfig) -> None:
        self._moduli = {"shared": config.shared, "first": config.first, "second": config.second}
        super().__init__(config, config.kind, config.modulus, 2, ("=",))

    def answer(self, operation: str, x: Int[Tensor, "n k"]) -> Int[Tensor, "n P"]:
        other = self._moduli[operation.removeprefix("with_")]
        return x[:, :1] % self._moduli["shared"] + x[:, 1:] % other

    @property
    def internal_names(self) -> tuple[str, ...]:
        return ("shared", "first", "second")

    def internal(self, name: str, tokens: Int[Tensor, "n T"]) -> Int[Tensor, " n"]:
        if name not in self._moduli:
            raise UnknownNameError("internal variable", name, self._moduli)
        place = self.first if name == "shared" else self.first + 1
        return tokens[:, place] % self._moduli[name]
