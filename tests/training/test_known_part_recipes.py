"""Recipes of networks with known parts: valid, of their corpus's shape, and they take steps."""

import pytest

from netseams.core import UnknownNameError
from netseams.corpora import load_corpus
from netseams.tasks import ODD_RULES
from netseams.training import OddOneOutConfig, RunConfig
from netseams.training.loop import Trainer
from netseams.training.odd_one_out import OddTrainer
from netseams_recipes import KNOWN_PARTS, ODD_ONE_OUT, known_parts, odd_one_out


def shortened(config):
    train = config.train.model_copy(update={"steps": 2, "batch_size": 4})
    return config.model_copy(update={"train": train})


@pytest.mark.parametrize("name", KNOWN_PARTS)
def test_a_run_survives_its_file_fits_its_corpus_and_takes_steps(name) -> None:
    config = known_parts(name, seed=2)
    assert RunConfig.model_validate_json(config.model_dump_json()) == config
    assert config.seed == 2
    corpus = load_corpus(config.corpus)
    assert config.model.d_vocab == corpus.d_vocab
    trainer = Trainer(shortened(config), corpus)
    trainer.run(lambda _: None)
    assert trainer.step == 2


@pytest.mark.parametrize("name", ODD_ONE_OUT)
def test_every_rule_that_a_network_reads_takes_steps(name) -> None:
    reads = odd_one_out(name).problems.reads
    rules = [rule for rule in ODD_RULES if ODD_RULES[rule](16).reads == reads]
    assert len(rules) == (4 if reads == "tokens" else 3)
    for rule in rules:
        config = odd_one_out(name, rule, seed=5)
        assert OddOneOutConfig.model_validate_json(config.model_dump_json()) == config
        assert (config.rule, config.seed) == (rule, 5)
        trainer = OddTrainer(shortened(config))
        trainer.run(lambda step, loss: None)
        assert trainer.step == 2


def test_the_language_model_has_the_seed_of_the_run_and_serves_every_rule() -> None:
    singular, plural = (
        odd_one_out("pretrained", f"reflexive_{number}", 4).language_model
        for number in ("singular", "plural")
    )
    assert singular == plural == known_parts("agreement", 4)


@pytest.mark.parametrize("recipes", [KNOWN_PARTS, ODD_ONE_OUT], ids=["known", "odd"])
def test_recipes_say_what_they_take(recipes) -> None:
    for name, entry in recipes.items():
        assert entry.name == name
        assert entry.purpose
        assert entry.hardware
        assert entry.headline


def test_wrong_names() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'two_slots'"):
        known_parts("two_slot")
    with pytest.raises(UnknownNameError, match="did you mean 'scratch'"):
        odd_one_out("scratches")
    with pytest.raises(UnknownNameError, match="unknown odd-one-out rule 'inside'"):
        odd_one_out("images", "inside")
