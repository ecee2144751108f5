"""Every recipe is a valid config, has the size that was published, and takes steps."""

import math
from pathlib import Path

import pytest
import torch

from netseams.core import UnknownNameError
from netseams.corpora import TextConfig, TextCorpus
from netseams.models import Transformer, TransformerConfig
from netseams.training import RunConfig, WeightSparse
from netseams.training.loop import Trainer
from netseams.training.loss import next_token_loss
from netseams.training.nominal import nominal_parameters
from netseams_recipes import RECIPES, recipe

BIG = ("paper", "script", "dense")


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives_its_file_and_says_what_it_takes(name):
    config = recipe(name)
    assert RunConfig.model_validate_json(config.model_dump_json()) == config
    entry = RECIPES[name]
    assert entry.purpose
    assert entry.hardware
    assert entry.headline
    assert (entry.minutes is None) == (name in BIG)


def shrunk(config: RunConfig, corpus: TextConfig) -> RunConfig:
    """Everything as in the recipe but the shape, the text and the number of steps."""
    sparsity = config.train.sparsity
    if isinstance(sparsity, WeightSparse):
        sparsity = sparsity.model_copy(update={"density": max(sparsity.density, 1 / 8)})
    train = config.train.model_copy(update={"steps": 2, "batch_size": 4, "sparsity": sparsity})
    shape = {"n_layers": 1, "n_heads": 2, "d_model": 32, "d_mlp": 64, "n_ctx": 32, "d_vocab": 400}
    model = config.model.model_copy(update=shape)
    fields = config.model_dump() | {"corpus": corpus, "train": train, "model": model}
    return RunConfig.model_validate(fields)


@pytest.mark.parametrize("name", RECIPES)
def test_two_steps_of_every_recipe(name, text_corpus: TextCorpus):
    config = shrunk(recipe(name), text_corpus.config)
    trainer = Trainer(config, text_corpus)
    batch = text_corpus.batch("train", 16, 32, torch.Generator().manual_seed(0))

    def loss() -> float:
        with torch.no_grad():
            return float(next_token_loss(trainer.model, batch))

    before = loss()
    trainer.run(lambda _: None)
    assert trainer.step == 2
    assert before == pytest.approx(math.log(400), abs=0.1)
    assert loss() < before


@pytest.mark.parametrize(
    ("name", "width", "labelled", "true"),
    # By hand: 96 width^2 in blocks, 2 x 2048 width in embeddings, 8 x 9 width biases, 2048^2.
    [("paper", 2048, 475.1, 415.4), ("script", 1024, 118.8, 109.4), ("dense", 1024, 118.8, 109.4)],
)
def test_the_big_ones_have_the_published_size(name, width, labelled, true):
    config = recipe(name)
    assert config.model.d_model == width
    # The labels count a table of positions, which the paper's recipe does without.
    positioned = config.model.model_copy(update={"positions": "learned"})
    assert round(nominal_parameters(positioned) / 1e6, 1) == labelled
    with torch.device("meta"):
        model = Transformer(config.model)
    n = sum(p.numel() for p in model.parameters())
    assert n / 1e6 == pytest.approx(true, abs=0.3)
    assert config.train.steps == 244_140  # 32e9 tokens of 512 x 256 a step


def test_the_script_recipe_keeps_what_the_script_keeps():
    arm = recipe("script").train.sparsity
    assert isinstance(arm, WeightSparse)
    pfrac, expansion = 1 / 4, 4
    assert arm.density == pfrac / expansion**2
    assert arm.final_density("embed") == arm.final_density("unembed") == pfrac / expansion
    assert arm.final_density("bias") == 1.0


def test_own_text_and_seed_take_their_places():
    config = recipe("script-small", Path("somewhere"), seed=3)
    assert config.seed == 3
    assert config.corpus == TextConfig(path=Path("somewhere").resolve(), d_vocab=1024)
    small = recipe("script-small")
    assert config.model_copy(update={"seed": 0, "corpus": small.corpus}) == small
    assert isinstance(small.model, TransformerConfig)
    with pytest.raises(UnknownNameError, match="did you mean 'paper'"):
        recipe("papr")
