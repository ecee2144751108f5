"""Numbers as a reader wants to see them. One function a kind of number; nothing is computed."""

import math
from collections.abc import Callable
from typing import Literal

Kind = Literal["count", "share", "accuracy", "loss", "signed", "relative", "ratio", "seconds"]

Real = int | float
"""Counts are whole, means of counts are not."""

MISSING = "–"
"""Stands for a number that does not exist."""

_MINUS = "\N{MINUS SIGN}"
_NBSP = "\N{NO-BREAK SPACE}"


def count(value: Real) -> str:
    """412 or 39,586; a mean of small counts keeps one decimal."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:,.1f}"


def share(value: Real) -> str:
    """A share of a whole in percent, with at least two significant digits."""
    percent = 100 * value
    if percent == 0:
        return f"0{_NBSP}%"
    digits = 1 if abs(percent) >= 10 else max(1, 1 - math.floor(math.log10(abs(percent))))
    return f"{percent:.{digits}f}{_NBSP}%"


def accuracy(value: Real) -> str:
    """A share of right answers in percent."""
    return f"{100 * value:.1f}{_NBSP}%"


def loss(value: Real) -> str:
    """Nats, to three decimals."""
    return f"{value:.1e}" if 0 < abs(value) < 5e-4 else f"{value:.3f}"


def signed(value: Real) -> str:
    """A difference in nats, always with its sign."""
    return f"{value:+.3f}"


def relative(value: Real) -> str:
    """A quantity for which 0 is nothing and 1 is all; it may leave that range."""
    return f"{value:.2f}"


def ratio(value: Real) -> str:
    """A factor: 1.93× or 59.8×."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}×"


def seconds(value: Real) -> str:
    """A duration in the two largest units that it has."""
    if value < 60:
        return f"{value:.1f}{_NBSP}s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes}{_NBSP}min {rest}{_NBSP}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{_NBSP}h {minutes}{_NBSP}min"


_FORMATS: dict[Kind, Callable[[Real], str]] = {
    "count": count,
    "share": share,
    "accuracy": accuracy,
    "loss": loss,
    "signed": signed,
    "relative": relative,
    "ratio": ratio,
    "seconds": seconds,
}


def number(value: Real | None, kind: Kind) -> str:
    """`value` written as `kind`; a dash where there is none or it is not finite."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = _FORMATS[kind](value)
    if text.startswith("-"):
        # A value that rounds to nothing has no sign.
        sign = _MINUS if any(digit in text for digit in "123456789") else ""
        text = sign + text[1:]
    return text


def interval(low: Real, high: Real, kind: Kind) -> tuple[str, str]:
    """Both ends of an interval, without the unit that the value before it carries."""
    ends = [number(end, kind).removesuffix(f"{_NBSP}%").removesuffix("×") for end in (low, high)]
    return ends[0], ends[1]


def short_count(value: Real) -> str:
    """For axes: 1, 20, 3k, 100k, 2M."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def shortened(text: str, width: int) -> str:
    """`text` cut to `width` characters, with an ellipsis where something is missing."""
    return text if len(text) <= width else text[: width - 1] + "…"


def reached(part: int, whole: int) -> str:
    """`2 of 3 seeds`."""
    return f"{part} of {whole} seed{'' if whole == 1 else 's'}"
