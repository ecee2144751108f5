"""Networks with known parts: languages whose subroutines have names, and odd-one-out problems.

Minutes are of one thread of a CPU. `docs/known-parts.md` says what was seen.
"""

from netseams.core import UnknownNameError
from netseams.corpora import (
    AgreementConfig,
    Arithmetic,
    DoubleAdditionConfig,
    SharedNodeConfig,
    SquaresConfig,
    StringOps,
    StringOpsConfig,
    TwoCallsConfig,
    TwoOperationsConfig,
    TwoSlotsConfig,
    load_corpus,
)
from netseams.corpora.agreement import TOKEN
from netseams.models import ConvNetConfig, TransformerConfig
from netseams.training import Routed, RunConfig, TrainConfig
from netseams.training.odd_one_out import OddOneOutConfig
from netseams_recipes.recipe import Recipe

_ONE_CORE = "1 CPU core, 2 GB"
SENTENCE = 16
"""Positions of a row of the agreement grammar."""


def _shape(n_layers: int, d_model: int, n_ctx: int, d_vocab: int) -> TransformerConfig:
    return TransformerConfig(
        n_layers=n_layers, n_heads=4, d_model=d_model, d_mlp=4 * d_model, n_ctx=n_ctx,
        d_vocab=d_vocab,
    )  # fmt: skip


FixedRows = (
    TwoSlotsConfig
    | DoubleAdditionConfig
    | TwoCallsConfig
    | TwoOperationsConfig
    | SquaresConfig
    | SharedNodeConfig
    | StringOpsConfig
)


def _rows(corpus: FixedRows, n_layers: int, d_model: int, train: TrainConfig) -> RunConfig:
    """A run on a language whose rows have one length."""
    opened = load_corpus(corpus)
    assert isinstance(opened, StringOps | Arithmetic)
    model = _shape(n_layers, d_model, opened.n_positions, opened.d_vocab)
    return RunConfig(corpus=corpus, model=model, train=train)


def two_slots() -> RunConfig:
    """String operations in either slot."""
    train = TrainConfig(steps=2000, batch_size=128, lr=1e-3, beta2=0.98)
    return _rows(TwoSlotsConfig(), 2, 128, train)


def double_addition() -> RunConfig:
    """One operation at two call sites."""
    train = TrainConfig(steps=1500, batch_size=128, lr=1e-3, beta2=0.98)
    return _rows(DoubleAdditionConfig(), 2, 64, train)


def two_calls() -> RunConfig:
    """Three operations at two call sites each."""
    train = TrainConfig(steps=1500, batch_size=128, lr=1e-3, beta2=0.98)
    return _rows(TwoCallsConfig(), 2, 64, train)


def two_operations() -> RunConfig:
    """Three operations on the same operands."""
    train = TrainConfig(steps=1500, batch_size=128, lr=1e-3, beta2=0.98)
    return _rows(TwoOperationsConfig(), 2, 64, train)


def squares() -> RunConfig:
    """a^2 - b^2 on pairs never seen."""
    train = TrainConfig(steps=4000, batch_size=512, lr=2e-3, beta2=0.98, weight_decay=1.0)
    return _rows(SquaresConfig(), 1, 128, train)


def shared_node() -> RunConfig:
    """Two sums that share a term, on pairs never seen."""
    train = TrainConfig(steps=2000, batch_size=128, lr=1e-3, beta2=0.98, weight_decay=1.0)
    return _rows(SharedNodeConfig(), 1, 64, train)


def routed_strings() -> RunConfig:
    """String operations, every operation on positions in a part of its own."""
    words = ("reverse", "rotate", "swap_pairs", "keep_order")
    arm = Routed(groups=tuple((word,) for word in words))
    train = TrainConfig(steps=2000, batch_size=128, lr=3e-3, beta2=0.98, sparsity=arm)
    run = _rows(StringOpsConfig(length=4), 2, 128, train)
    return run.model_copy(update={"model": run.model.model_copy(update={"n_heads": 8})})


def agreement() -> RunConfig:
    """A language model of the agreement grammar."""
    train = TrainConfig(steps=2000, batch_size=64, lr=2e-3)
    model = _shape(2, 64, SENTENCE, len(TOKEN))
    return RunConfig(corpus=AgreementConfig(), model=model, train=train)


KNOWN_PARTS: dict[str, Recipe[RunConfig]] = {
    r.name: r
    for r in (
        Recipe(
            "two_slots",
            "string operations in either slot: is one reused?",
            _ONE_CORE, 3, "0.0001 nats an answer on test strings, 0.01 from step 1,100 on",
            two_slots,
        ),
        Recipe(
            "double_addition",
            "addition modulo 13 at two call sites: is it reused?",
            _ONE_CORE, 0.4, "accuracy 1.00 on both sums, from step 450 on", double_addition,
        ),
        Recipe(
            "two_calls",
            "three operations at two call sites each: is one reused?",
            _ONE_CORE, 0.5, "accuracy 1.00 on all six, also with .1 and .05 of weights",
            two_calls,
        ),
        Recipe(
            "two_operations",
            "addition, multiplication and maximum on the same operands",
            _ONE_CORE, 0.6, "accuracy 1.00 on all three, from step 750 on", two_operations,
        ),
        Recipe(
            "squares",
            "a^2 - b^2 modulo 59 on pairs never seen",
            _ONE_CORE, 3, "2e-7 nats an answer on pairs never seen", squares,
        ),
        Recipe(
            "shared_node",
            "two sums that share a term, on pairs never seen",
            _ONE_CORE, 0.25, "accuracy 1.00 on both, 0.98 on the worse one at step 1,400",
            shared_node,
        ),
        Recipe(
            "routed_strings",
            "string operations, each put into a quarter of the network",
            _ONE_CORE, None, "accuracy 0.96, 0.98 and 0.99, mean of eight seeds", routed_strings,
        ),
        Recipe(
            "agreement",
            "a language model of the agreement grammar",
            _ONE_CORE, 0.7, "2.38 nats a token; 0.99 or better on all five tasks", agreement,
        ),
    )
}  # fmt: skip


def from_scratch() -> OddOneOutConfig:
    """A transformer that has seen nothing before."""
    train = TrainConfig(steps=1500, batch_size=32, lr=1.5e-3)
    return OddOneOutConfig(rule="subject_verb_singular", model=agreement().model, train=train)


def from_language_model() -> OddOneOutConfig:
    """The same transformer after the grammar as a language model, at a third of the rate."""
    train = TrainConfig(steps=600, batch_size=32, lr=5e-4)
    return OddOneOutConfig(
        rule="subject_verb_singular", model=agreement().model, train=train,
        language_model=agreement(),
    )  # fmt: skip


def on_images() -> OddOneOutConfig:
    """A convolutional network of 23 thousand parameters."""
    train = TrainConfig(steps=500, batch_size=32, lr=2e-3)
    return OddOneOutConfig(
        rule="inside_contact", model=ConvNetConfig(widths=(8, 16, 32)), train=train
    )


ODD_ONE_OUT: dict[str, Recipe[OddOneOutConfig]] = {
    r.name: r
    for r in (
        Recipe(
            "scratch",
            "sentences, no pretraining",
            _ONE_CORE, 0.6, "accuracy 0.97 on subject_verb_singular, 1.00 on reflexive_plural",
            from_scratch,
        ),
        Recipe(
            "pretrained",
            "sentences, from a language model of the grammar",
            _ONE_CORE, 0.3, "accuracy 1.00 on both of these", from_language_model,
        ),
        Recipe(
            "images",
            "outlines, a small convolutional network",
            _ONE_CORE, 0.9,
            "accuracy 0.99 on inside_contact, 1.00 on inside_number, 0.76 on number_contact (of "
            "which it learns the number alone)",
            on_images,
        ),
    )
}  # fmt: skip
"""Minutes are without the language model, which serves all rules of a seed."""


def known_parts(name: str, seed: int = 0) -> RunConfig:
    """A run on a language with known parts.

    Raises:
        UnknownNameError: no such recipe.
    """
    if name not in KNOWN_PARTS:
        raise UnknownNameError("recipe", name, KNOWN_PARTS)
    return KNOWN_PARTS[name].config().model_copy(update={"seed": seed})


def odd_one_out(name: str, rule: str | None = None, seed: int = 0) -> OddOneOutConfig:
    """A run on odd-one-out problems; its language model has the same seed.

    Args:
        rule: another rule than the recipe's.

    Raises:
        UnknownNameError: no such recipe or rule.
    """
    if name not in ODD_ONE_OUT:
        raise UnknownNameError("recipe", name, ODD_ONE_OUT)
    config = ODD_ONE_OUT[name].config()
    before = config.language_model
    fields = {
        "rule": rule or config.rule,
        "seed": seed,
        "language_model": before and before.model_copy(update={"seed": seed}),
    }
    return OddOneOutConfig.model_validate(config.model_copy(update=fields).model_dump())
