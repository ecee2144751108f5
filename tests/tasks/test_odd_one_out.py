"""Problems have the properties that the table says; scores are those of cosines by hand."""

import math

import pytest
import torch
from scipy import ndimage

from netseams.core import UnknownNameError
from netseams.corpora.agreement import PAD, TOKEN
from netseams.corpora.agreement_words import WORDS
from netseams.tasks.odd_one_out import (
    ODD_KINDS,
    ODD_SIZES,
    OddExamples,
    OddRule,
    odd_accuracy,
    odd_examples,
    odd_loss,
    odd_scores,
    odd_task,
)
from netseams.tasks.odd_rules import ODD_RULES, odd_rule

PLURAL = {TOKEN[p] for kind in ("noun", "verb", "is", "transitive", "self") for _, p in WORDS[kind]}
NOUNS = {TOKEN[w] for pair in WORDS["noun"] for w in pair}
VERBS = {TOKEN[w] for kind in ("verb", "is", "transitive") for pair in WORDS[kind] for w in pair}
SELVES = {TOKEN[w] for pair in WORDS["self"] for w in pair}
TEXT = [f"{n}_{number}" for n in ("subject_verb", "reflexive") for number in ("singular", "plural")]
IMAGES = ["inside_contact", "inside_number", "number_contact"]


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def read(row: list[int], reflexive: bool) -> tuple[bool, bool]:
    """Whether the subject and what must agree with it are plural, found by words' order."""
    tokens = [t for t in row if t != PAD]
    if TOKEN["that"] in tokens:  # a sentence about what somebody says
        tokens = tokens[tokens.index(TOKEN["that"]) + 1 :]
    subject = next(t for t in tokens if t in NOUNS)
    if reflexive:
        return subject in PLURAL, next(t for t in tokens if t in SELVES) in PLURAL
    verbs = [t for t in tokens if t in VERBS]
    verb = verbs[1] if TOKEN["who"] in tokens else verbs[0]
    return subject in PLURAL, verb in PLURAL


def test_all_seven_rules() -> None:
    assert sorted(ODD_RULES) == sorted([*TEXT, *IMAGES])
    with pytest.raises(UnknownNameError, match="did you mean 'inside_contact'"):
        odd_rule("inside_contacts")


@pytest.mark.parametrize("name", TEXT)
@pytest.mark.parametrize("kind", ODD_KINDS)
def test_sentences_have_the_numbers_that_the_flags_say(name: str, kind: str) -> None:
    found = odd_rule(name).problems(kind, 60, "train", draws())
    assert found.items.shape == (60, 4, 16)
    plural, reflexive = name.endswith("plural"), name.startswith("reflexive")
    for rows, has_a, has_b in zip(found.items, found.has_a, found.has_b, strict=True):
        for row, a, b in zip(rows.tolist(), has_a.tolist(), has_b.tolist(), strict=True):
            assert row[-1] == TOKEN["."]
            subject, other = read(row, reflexive)
            assert ((subject == plural), (other == plural)) == (a, b)


@pytest.mark.parametrize("name", IMAGES)
def test_images_have_the_properties_that_the_flags_say(name: str) -> None:
    found = odd_rule(name).problems("mask_a", 20, "train", draws())
    a_is, b_is = name.split("_")
    square = torch.ones(3, 3).numpy()
    for image, a, b in zip(
        found.items.flatten(0, 1)[:, 0], found.has_a.flatten(), found.has_b.flatten(), strict=True
    ):
        ink = image.numpy() > 0.15
        pieces = ndimage.label(ink, structure=square)[1]
        solid = ndimage.label(ndimage.binary_fill_holes(ink), structure=square)[1]
        # Five outlines or three, and one piece less where two of them touch.
        seen = {"inside": solid < pieces, "contact": pieces in (2, 4), "number": pieces > 3}
        assert (seen[a_is], seen[b_is]) == (bool(a), bool(b))


def shares(found: OddExamples) -> dict[str, dict[tuple[bool, bool], float]]:
    """How often items have which properties, among rule items and among odd ones."""
    is_odd = torch.nn.functional.one_hot(found.odd, 4).bool()
    both = torch.stack([found.has_a, found.has_b], -1)
    return {
        name: {
            (a, b): float((both[mask] == torch.tensor([a, b])).all(-1).float().mean())
            for a in (True, False) for b in (True, False)
        }
        for name, mask in (("rule", ~is_odd), ("odd", is_odd))
    }  # fmt: skip


def plain_rule(odd_lacks_both: bool) -> OddRule:
    return OddRule(
        "plain", "tokens", ("a", "b"), lambda a, b, split, draws: torch.stack([a, b], 1),
        odd_lacks_both,
    )  # fmt: skip


T, F = True, False
PUBLISHED = {
    "composite": ({(T, T): 1}, {(F, T): 1 / 2, (T, F): 1 / 2}),
    "mask_a": ({(T, T): 1 / 2, (T, F): 1 / 2}, {(F, T): 1}),
    "mask_b": ({(T, T): 1 / 2, (F, T): 1 / 2}, {(T, F): 1}),
    "balanced_a": ({(T, T): 1 / 2, (T, F): 1 / 2}, {(F, T): 1 / 2, (F, F): 1 / 2}),
    "balanced_b": ({(T, T): 1 / 2, (F, T): 1 / 2}, {(T, F): 1 / 2, (F, F): 1 / 2}),
    "test_a": ({(T, T): 1}, {(F, T): 1}),
    "test_b": ({(T, T): 1}, {(T, F): 1}),
}


@pytest.mark.parametrize("kind", ODD_KINDS)
def test_every_kind_is_the_row_of_the_published_table(kind: str) -> None:
    found = shares(plain_rule(False).problems(kind, 4000, "train", draws()))
    for part, expected in zip(("rule", "odd"), PUBLISHED[kind], strict=True):
        for has, share in found[part].items():
            target = expected.get(has, 0)
            assert share == pytest.approx(target, abs=0 if target in (0, 1) else 0.03)


def test_vision_has_odd_items_that_lack_both() -> None:
    odd = shares(plain_rule(True).problems("composite", 6000, "train", draws()))["odd"]
    assert odd[T, T] == 0
    assert [odd[F, T], odd[T, F], odd[F, F]] == pytest.approx([1 / 3] * 3, abs=0.03)


def test_the_odd_item_is_anywhere() -> None:
    odd = plain_rule(False).problems("composite", 4000, "train", draws()).odd
    assert torch.bincount(odd).tolist() == pytest.approx([1000] * 4, abs=120)


def test_scores_by_hand() -> None:
    """Three vectors along x and one at 60 degrees: cosines 1 and 1/2, itself included."""
    turned = [math.cos(math.pi / 3), math.sin(math.pi / 3)]
    encodings = torch.tensor([[[2.0, 0], [0.1, 0], turned, [5, 0]]])
    assert odd_scores(encodings)[0].tolist() == pytest.approx([-3.5, -3.5, -2.5, -3.5])
    loss = float(odd_loss(encodings, torch.tensor([2])))
    assert loss == pytest.approx(math.log(1 + 3 * math.exp(-1)))


def test_splits_are_fixed_and_share_no_sentence() -> None:
    rule = odd_rule("subject_verb_singular")
    sets = odd_task(rule, "composite")
    assert {split: len(found) for split, found in sets.splits.items()} == ODD_SIZES
    assert torch.equal(sets.splits["report"].items, odd_examples(rule, "composite", "report").items)
    assert not torch.equal(odd_examples(rule, "composite", "report", 1).items,
                           sets.splits["report"].items)  # fmt: skip
    splits = {split: found.items for split, found in sets.splits.items()}
    splits["train"] = rule.problems("composite", 4000, "train", draws()).items
    sentences = [{tuple(row) for row in items.flatten(0, 1).tolist()} for items in splits.values()]
    assert sum(map(len, sentences)) == len(set.union(*sentences))


class Seer:
    """Encodes an item as what it has: the rule's own vector, or another."""

    def encode(self, items: torch.Tensor) -> torch.Tensor:
        return torch.stack([items.float().all(-1).float(), (~items.bool()).any(-1).float()], -1)


def test_who_knows_the_rule_is_right_on_the_composite_and_fails_where_masks_learn() -> None:
    rule = plain_rule(False)
    for kind, least, most in (("composite", 1, 1), ("test_a", 1, 1), ("mask_a", 0.1, 0.6)):
        found = rule.problems(kind, 2000, "report", draws())
        assert least <= odd_accuracy(Seer(), found) <= most
