"""By which fields do two training runs differ? Read off their configs, never typed by hand."""

from typing import Any

from netseams.comparison.result import FieldChange
from netseams.core import Config
from netseams.training import RunConfig


def differences(reference: RunConfig, other: RunConfig) -> list[FieldChange]:
    """Every field in which `other` differs, in the order of the config.

    A part that is of another kind (dense, weight_sparse) is one field; one of the same kind is
    gone into.
    """
    return _changes("", reference, other)


def in_words(reference: str, changes: list[FieldChange]) -> str:
    """`differs from dense in one field: train.sparsity is ... in place of dense`."""
    if not changes:
        return f"does not differ from {reference}"
    n = "one field" if len(changes) == 1 else f"{len(changes)} fields"
    each = "; ".join(f"{c.field} is {c.arm} in place of {c.reference}" for c in changes)
    return f"differs from {reference} in {n}: {each}"


def _changes(path: str, a: Config, b: Config) -> list[FieldChange]:
    found: list[FieldChange] = []
    for name in type(a).model_fields:
        ours, theirs = getattr(a, name), getattr(b, name)
        where = f"{path}.{name}" if path else name
        if ours == theirs:
            continue
        if isinstance(ours, Config) and type(ours) is type(theirs):
            found += _changes(where, ours, theirs)
        else:
            found.append(FieldChange(field=where, reference=_shown(ours), arm=_shown(theirs)))
    return found


def _shown(value: Any) -> str:
    """A number briefly; a part by its kind, its density and what in it is not the default."""
    if isinstance(value, Config):
        told = value.model_dump(exclude_defaults=True).keys() | {"density"}
        special = {k: getattr(value, k) for k in type(value).model_fields if k in told}
        kind = str(special.pop("kind", getattr(value, "kind", type(value).__name__)))
        inside = ", ".join(f"{name} {_shown(v)}" for name, v in special.items())
        return f"{kind} ({inside})" if inside else kind
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
