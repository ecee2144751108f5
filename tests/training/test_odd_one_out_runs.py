"""Odd-one-out runs as folders: resume, pretraining, refusals, and that they learn."""

import pytest
import torch
from pydantic import ValidationError

from netseams.core import FileFormatError, RunFolderError, UnknownNameError
from netseams.corpora import AgreementConfig
from netseams.models import ConvNet, ConvNetConfig, Transformer, TransformerConfig, load_model
from netseams.store import read_jsonl
from netseams.training import RunConfig, TrainConfig, WeightSparse, train
from netseams.training.odd_one_out import (
    OddOneOutConfig,
    OddTrainer,
    fresh_network,
    open_odd_one_out,
    train_odd_one_out,
)

TEXT = TransformerConfig(n_layers=1, n_heads=2, d_model=16, d_mlp=32, n_ctx=16, d_vocab=300)
SHORT = TrainConfig(steps=6, batch_size=4, lr=1e-3, checkpoint_every=2)
CONFIG = OddOneOutConfig(rule="subject_verb_singular", model=TEXT, train=SHORT)
IMAGES = OddOneOutConfig(
    rule="inside_contact", model=ConvNetConfig(widths=(4, 4), d_encoding=4), train=SHORT
)


def weights(model: Transformer | ConvNet) -> dict[str, torch.Tensor]:
    return dict(model.state_dict())


@pytest.fixture(autouse=True)
def few_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "netseams.tasks.odd_one_out.ODD_SIZES", {"mask_train": 16, "select": 16, "report": 16}
    )


@pytest.mark.parametrize("config", [CONFIG, IMAGES], ids=["text", "images"])
def test_a_stopped_run_resumes_and_ends_bit_identical(config, tmp_path) -> None:
    class StoppedError(Exception):
        pass

    def stop(step: int, total: int, word: str) -> None:
        if step == 5:
            raise StoppedError

    whole = train_odd_one_out(config, tmp_path / "whole")
    with pytest.raises(StoppedError):
        train_odd_one_out(config, tmp_path / "parts", progress=stop)
    with pytest.raises(FileFormatError, match="not finished"):
        open_odd_one_out(tmp_path / "parts")
    parts = train_odd_one_out(config, tmp_path / "parts")
    assert parts.result.accuracy == whole.result.accuracy
    one, other = weights(whole.load()), weights(parts.load())
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(*(next(iter(w.values())) for w in (one, weights(fresh_network(config)))))
    assert [row["step"] for row in read_jsonl(tmp_path / "parts" / "metrics.jsonl")] == [6]
    assert not (tmp_path / "parts" / "checkpoint.safetensors").exists()


def test_a_finished_run_is_opened_and_another_refused(tmp_path) -> None:
    first = train_odd_one_out(CONFIG, tmp_path / "run")
    assert train_odd_one_out(CONFIG, tmp_path / "run").result == first.result
    with pytest.raises(RunFolderError, match="other settings"):
        train_odd_one_out(CONFIG.model_copy(update={"seed": 1}), tmp_path / "run")


def test_training_starts_from_the_language_model(tmp_path) -> None:
    lm = RunConfig(corpus=AgreementConfig(), model=TEXT, train=SHORT, seed=3)
    still = SHORT.model_copy(update={"steps": 1, "lr": 1e-12, "weight_decay": 0.0})
    config = CONFIG.model_copy(update={"language_model": lm, "train": still})
    run = train_odd_one_out(config, tmp_path / "run", tmp_path / "lm")
    start = weights(load_model(tmp_path / "lm"))
    for name, value in weights(run.load()).items():
        torch.testing.assert_close(value, start[name], atol=1e-6, rtol=0)
    # Inside the run's own folder, where none is given; and the same as an ordinary run.
    train_odd_one_out(config, tmp_path / "other")
    assert (tmp_path / "other" / "language_model" / "result.json").exists()
    assert train(lm, tmp_path / "lm").result.steps == 6


def test_arms_hold_for_transformers(tmp_path) -> None:
    sparse = SHORT.model_copy(update={"sparsity": WeightSparse(density=0.2)})
    run = train_odd_one_out(CONFIG.model_copy(update={"train": sparse}), tmp_path / "run")
    weight = weights(run.load())["blocks.0.mlp.up.weight"]
    assert int(weight.count_nonzero()) == round(0.2 * weight.numel())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": ConvNetConfig()}, "is about tokens, which a convolutional network cannot read"),
        ({"rule": "inside_number"}, "is about images, which a transformer cannot read"),
        (
            {"rule": "inside_number", "model": ConvNetConfig(),
             "train": TrainConfig(sparsity=WeightSparse(density=0.5))},
            "arms are for transformers",
        ),
        (
            {"language_model": RunConfig(corpus=AgreementConfig(), model=TransformerConfig())},
            "its weights are the start",
        ),
    ],
)  # fmt: skip
def test_settings_that_are_refused(changes, message) -> None:
    with pytest.raises(ValidationError, match=message):
        OddOneOutConfig.model_validate(CONFIG.model_dump() | changes)


def test_an_unknown_rule_is_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'reflexive_plural'"):
        OddOneOutConfig(rule="reflexiv_plural", model=TEXT)


def test_configs_survive_their_files(tmp_path) -> None:
    for config in (CONFIG, IMAGES):
        (tmp_path / "c.json").write_text(config.model_dump_json())
        assert OddOneOutConfig.read(tmp_path / "c.json") == config


def test_a_tiny_network_learns_an_easy_rule() -> None:
    """Loss falls well below that of guessing, ln 4, on sentences never seen."""
    config = OddOneOutConfig(
        rule="reflexive_singular",
        model=TEXT.model_copy(update={"d_model": 32, "d_mlp": 64}),
        train=TrainConfig(steps=120, batch_size=32, lr=5e-3),
    )
    losses: list[float] = []
    OddTrainer(config).run(lambda step, loss: losses.append(loss))
    assert sum(losses[:5]) / 5 > 1.3
    assert sum(losses[-20:]) / 20 < 1.15
