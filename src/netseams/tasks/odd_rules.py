"""The composite rules of odd-one-out: two on sentences, each in two numbers, three on images."""

from collections.abc import Callable

import torch
from torch import Tensor

from netseams.core import Registry
from netseams.corpora.agreement import VARIABLES, Templates, right_aligned
from netseams.corpora.shapes import Property, Shapes, ShapesConfig
from netseams.tasks.odd_one_out import OddRule, OddSplit

_CLAUSES = (
    "the noun:a {}",
    "the adjective noun:a {}",
    "the noun:a near the noun:b {}",
    "the noun:a who the noun:b transitive:b {}",
    "the noun:f says:f that the noun:a {}",
)
_PREDICATES = {
    "subject_verb": ("verb:c .", "is:c adjective .", "transitive:c the noun:d ."),
    "reflexive": ("past self:c .",),
}
"""The number of `c` is B's; that of `a`, the subject or antecedent, is A's."""
_BUCKETS: dict[OddSplit, tuple[int, ...]] = {
    "train": (0, 1, 2, 3, 4, 5),
    "mask_train": (6, 7),
    "select": (8,),
    "report": (9,),
}

ODD_RULES: Registry[Callable[[int], OddRule]] = Registry("odd-one-out rule")
"""Name -> the rule, for sentences of `n_ctx` tokens (images have no use for it)."""


def _sentences(name: str, parts: tuple[str, str], plural: bool) -> Callable[[int], OddRule]:
    clauses = [clause.format(end) for clause in _CLAUSES for end in _PREDICATES[name]]
    templates = Templates(tuple(clauses))

    def rule(n_ctx: int) -> OddRule:
        def draw(a: Tensor, b: Tensor, split: OddSplit, draws: torch.Generator) -> Tensor:
            which = torch.randint(0, len(clauses), (len(a),), generator=draws)
            numbers = torch.rand(len(a), len(VARIABLES), generator=draws) < 0.5
            numbers[:, VARIABLES.index("a")] = a == plural
            numbers[:, VARIABLES.index("c")] = b == plural
            filled = templates.fill(which, numbers, _BUCKETS[split], draws)
            return right_aligned(filled, n_ctx)

        number = "plural" if plural else "singular"
        return OddRule(f"{name}_{number}", "tokens", parts, draw)

    return rule


for _plural in (False, True):
    for _name, _parts in (
        ("subject_verb", ("subject", "verb")),
        ("reflexive", ("antecedent", "pronoun")),
    ):
        _number = "plural" if _plural else "singular"
        ODD_RULES.register(f"{_name}_{_number}")(_sentences(_name, _parts, _plural))


def _images(a_is: Property, b_is: Property) -> Callable[[int], OddRule]:
    shapes = Shapes(ShapesConfig())

    def draw(a: Tensor, b: Tensor, split: OddSplit, draws: torch.Generator) -> Tensor:
        return shapes.images({a_is: a, b_is: b}, draws)  # splits differ in what `draws` gives

    rule = OddRule(f"{a_is}_{b_is}", "images", (a_is, b_is), draw, odd_lacks_both=True)
    return lambda n_ctx: rule


_IMAGE_RULES: tuple[tuple[Property, Property], ...] = (
    ("inside", "contact"), ("inside", "number"), ("number", "contact"),
)  # fmt: skip
for _a, _b in _IMAGE_RULES:
    ODD_RULES.register(f"{_a}_{_b}")(_images(_a, _b))


def odd_rule(name: str, n_ctx: int = 16) -> OddRule:
    """A rule by name.

    Raises:
        UnknownNameError: no such rule.
    """
    return ODD_RULES[name](n_ctx)
