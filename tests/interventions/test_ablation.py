from collections.abc import Callable

import numpy as np
import pytest
import torch

from netseams.core import generator
from netseams.corpora import StringOps, TextCorpus
from netseams.interventions import ABLATIONS, ablation_fill, masked_hooks, mean_activations
from netseams.models import Transformer, TransformerConfig, sites_of

CONFIG = TransformerConfig(n_layers=2, n_heads=2, d_model=8, d_mlp=12, n_ctx=14, d_vocab=19)
SITES = {site.name: site for site in sites_of(CONFIG)}


@pytest.fixture
def model(random_model: Callable[..., Transformer]) -> Transformer:
    return random_model(CONFIG)


@pytest.fixture
def tokens() -> torch.Tensor:
    return torch.randint(0, 19, (9, 14), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def means() -> dict[str, torch.Tensor]:
    draws = torch.Generator().manual_seed(3)
    return {name: torch.randn(site.shape, generator=draws) for name, site in SITES.items()}


def masks(value: bool) -> dict[str, torch.Tensor]:
    return {name: torch.full((site.width,), value) for name, site in SITES.items()}


def random_masks(seed: int) -> dict[str, torch.Tensor]:
    draws = torch.Generator().manual_seed(seed)
    return {name: torch.rand(site.width, generator=draws) < 0.5 for name, site in SITES.items()}


@pytest.mark.parametrize("n_sequences", [64, 128])
def test_means_are_those_of_numpy_over_training_sequences(
    model: Transformer, string_ops: StringOps, n_sequences: int
) -> None:
    draws = generator("means", string_ops.name)
    rows = torch.cat(
        [string_ops.batch("train", 64, 14, draws).inputs for _ in range(n_sequences // 64)]
    )
    with torch.no_grad():
        _, cache = model.run_with_cache(rows)
    means = mean_activations(model, string_ops, n_sequences)
    assert list(means) == list(SITES)
    for name, mean in means.items():
        values = cache[name].double().numpy()
        expected = values.reshape(-1, *SITES[name].shape).mean(axis=0)
        assert mean.shape == SITES[name].shape
        np.testing.assert_allclose(mean.numpy(), expected, atol=1e-5)
        assert not mean.requires_grad


def test_means_of_text_come_from_the_train_split(
    tiny_model: Transformer, text_corpus: TextCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, int]] = []
    batch = TextCorpus.batch

    def watched(self, split, size, length, draws):
        asked.append((split, length))
        return batch(self, split, size, length, draws)

    monkeypatch.setattr(TextCorpus, "batch", watched)
    means = mean_activations(tiny_model, text_corpus)
    assert asked == [("train", 32)] * 4
    assert set(means) == {site.name for site in sites_of(tiny_model.cfg)}


def test_keeping_everything_changes_nothing(
    model: Transformer, tokens: torch.Tensor, means: dict
) -> None:
    hooks = masked_hooks(masks(True), means)
    torch.testing.assert_close(model.run_with_hooks(tokens, hooks), model(tokens))


def test_keeping_nothing_leaves_constants(
    model: Transformer, tokens: torch.Tensor, means: dict
) -> None:
    found = model.run_with_hooks(tokens, masked_hooks(masks(False), means))
    final = means["ln_final.hook_normalized"].numpy()
    logits = model.unembed.weight.detach().numpy() @ final
    np.testing.assert_allclose(found.detach().numpy(), np.broadcast_to(logits, found.shape),
                               atol=1e-5)  # fmt: skip


@pytest.mark.parametrize("name", SITES)
def test_every_channel_is_kept_or_replaced(
    model: Transformer, tokens: torch.Tensor, means: dict, name: str
) -> None:
    keep = {name: random_masks(0)[name]}
    (hook,) = masked_hooks(keep, means).values()
    _, cache = model.run_with_cache(tokens, [name])
    before = cache[name].detach().numpy().reshape(9, 14, -1)
    after = hook(cache[name]).detach()
    assert after.shape == cache[name].shape
    constants = means[name].numpy().reshape(-1)
    for channel, kept in enumerate(keep[name].tolist()):
        expected = before[..., channel] if kept else constants[channel]
        assert (after.numpy().reshape(9, 14, -1)[..., channel] == expected).all()


def test_channels_of_heads_are_counted_head_by_head(means: dict) -> None:
    name = "blocks.0.attn.hook_q"
    keep = torch.zeros(8, dtype=torch.bool)
    keep[5] = True  # the second channel of the second head
    x = torch.ones(1, 1, 2, 4)
    after = masked_hooks({name: keep}, {name: torch.zeros(2, 4)})[name](x)
    assert after.flatten().tolist() == [0, 0, 0, 0, 0, 1, 0, 0]
    assert float(after[0, 0, 1, 1]) == 1


def test_gradients_pass_through_soft_masks(
    model: Transformer, tokens: torch.Tensor, means: dict
) -> None:
    name = "blocks.1.mlp.hook_post"
    gate = torch.rand(12, generator=torch.Generator().manual_seed(0)).requires_grad_()
    x = torch.randn(2, 3, 12, generator=torch.Generator().manual_seed(1))
    masked_hooks({name: gate}, means)[name](x).sum().backward()
    torch.testing.assert_close(gate.grad, (x - means[name]).sum((0, 1)))


def test_zero_and_mean_fills(model: Transformer, tokens: torch.Tensor, means: dict) -> None:
    zero = ablation_fill("zero", model, means, tokens)
    mean = ablation_fill("mean", model, means, tokens)
    assert list(zero) == list(mean) == list(means)
    for name in means:
        assert zero[name].shape == means[name].shape
        assert not zero[name].any()
        assert torch.equal(mean[name], means[name])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_rows", [2, 3, 9])
def test_every_row_is_resampled_from_another_row(
    model: Transformer, n_rows: int, seed: int
) -> None:
    tokens = torch.arange(n_rows).unsqueeze(1).expand(-1, 4)
    fill = ablation_fill("resample", model, {"hook_embed": torch.zeros(8)}, tokens, seed=seed)
    distance = torch.cdist(fill["hook_embed"][:, 0], model.embed.weight.detach())
    donors = distance.argmin(1)
    assert float(distance.amin(1).max()) < 1e-3
    assert sorted(donors.tolist()) == list(range(n_rows))
    assert not (donors == torch.arange(n_rows)).any()


def test_resampled_activations_are_those_of_the_donor(
    model: Transformer, tokens: torch.Tensor, means: dict
) -> None:
    _, cache = model.run_with_cache(tokens)
    fill = ablation_fill("resample", model, means, tokens)
    assert set(fill) == set(means)
    first = next(iter(fill.values()))
    donors = [int((cache[next(iter(fill))] - row).abs().amax((1, 2)).argmin()) for row in first]
    for name, values in fill.items():
        assert not values.requires_grad
        torch.testing.assert_close(values, cache[name].detach()[donors])


def test_resampling_at_answers_takes_the_same_positions(
    model: Transformer, tokens: torch.Tensor, means: dict
) -> None:
    answers = torch.tensor([[3, 13]]).expand(9, -1)
    whole = ablation_fill("resample", model, means, tokens)
    asked = ablation_fill("resample", model, means, tokens, answers)
    for name in ("blocks.1.mlp.hook_post", "ln_final.hook_normalized", "blocks.1.attn.hook_q"):
        torch.testing.assert_close(asked[name], whole[name][:, [3, 13]])
    torch.testing.assert_close(asked["blocks.1.attn.hook_k"], whole["blocks.1.attn.hook_k"])


def test_resampling_depends_on_its_seed_alone(
    model: Transformer, tokens: torch.Tensor, means: dict
) -> None:
    first = ablation_fill("resample", model, means, tokens, seed=1)
    torch.manual_seed(5)
    again = ablation_fill("resample", model, means, tokens, seed=1)
    other = ablation_fill("resample", model, means, tokens, seed=2)
    name = "ln_final.hook_normalized"
    assert torch.equal(first[name], again[name])
    assert not torch.equal(first[name], other[name])


@pytest.mark.parametrize("kind", ABLATIONS)
def test_answers_and_full_passes_agree_under_every_ablation(
    model: Transformer, tokens: torch.Tensor, means: dict, kind: str
) -> None:
    answers = torch.tensor([[13]]).expand(9, -1)
    keep = random_masks(4)
    whole = masked_hooks(keep, ablation_fill(kind, model, means, tokens))
    asked = masked_hooks(keep, ablation_fill(kind, model, means, tokens, answers))
    torch.testing.assert_close(
        model.run_with_hooks(tokens, asked, answers),
        model.run_with_hooks(tokens, whole)[:, -1:],
        atol=1e-5, rtol=1e-5,
    )  # fmt: skip
