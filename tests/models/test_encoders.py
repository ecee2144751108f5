"""Networks as encoders: the last read of a transformer, and the convolutional network."""

import pytest
import torch
import torch.nn.functional as F

from netseams.core import FileFormatError
from netseams.models import (
    ConvNet,
    ConvNetConfig,
    FinalRead,
    Transformer,
    TransformerConfig,
    encode_sets,
    encoder_of,
    load_convnet,
    save_convnet,
    save_model,
)

TEXT = TransformerConfig(n_layers=2, n_heads=2, d_model=16, d_mlp=32, n_ctx=6, d_vocab=20)


def tokens(*shape: int) -> torch.Tensor:
    return torch.randint(0, 20, shape, generator=torch.Generator().manual_seed(0))


def images(n: int, side: int = 12) -> torch.Tensor:
    return torch.rand(n, 1, side, side, generator=torch.Generator().manual_seed(1))


def test_a_transformer_encodes_by_its_last_read() -> None:
    model = Transformer(TEXT, 3)
    items = tokens(5, 6)
    _, cache = model.run_with_cache(items)
    expected = cache["ln_final.hook_normalized"][:, -1]
    torch.testing.assert_close(FinalRead(model).encode(items), expected)
    torch.testing.assert_close(FinalRead(model)(items), expected)


def test_hooks_reach_the_encoding() -> None:
    model = Transformer(TEXT, 3)
    encoder = FinalRead(model)
    off = encoder.encode(tokens(5, 6), {"blocks.1.hook_mlp_out": torch.zeros_like})
    assert not torch.equal(off, encoder.encode(tokens(5, 6)))
    doubled = encoder.encode(tokens(5, 6), {"ln_final.hook_normalized": lambda x: 2 * x})
    torch.testing.assert_close(doubled, 2 * encoder.encode(tokens(5, 6)))


def test_the_unembedding_gets_no_gradient() -> None:
    model = Transformer(TEXT, 3)
    FinalRead(model).encode(tokens(5, 6)).square().mul(torch.arange(16)).sum().backward()
    assert model.unembed.weight.grad is None
    assert model.embed.weight.grad is not None


def test_sets_are_encoded_item_by_item() -> None:
    encoder = encoder_of(Transformer(TEXT, 3))
    items = tokens(3, 4, 6)
    sets = encode_sets(encoder, items)
    assert sets.shape == (3, 4, 16)
    torch.testing.assert_close(sets[1, 2], encoder.encode(items[1, 2].unsqueeze(0))[0])


def test_a_convolutional_network_written_out() -> None:
    """One stage of one block, two groups, in plain functions."""
    model = ConvNet(ConvNetConfig(widths=(4,), n_groups=2, d_encoding=3), 5)
    w = dict(model.state_dict())

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        n, c, p, _ = x.shape
        grouped = x.view(n, 2, -1)
        grouped = grouped - grouped.mean(2, keepdim=True)
        grouped = grouped / (grouped.square().mean(2, keepdim=True) + 1e-5).sqrt()
        scaled = grouped.view(n, c, p, p) * w[f"{name}.weight"].view(-1, 1, 1)
        return scaled + w[f"{name}.bias"].view(-1, 1, 1)

    x = F.conv2d(images(3), w["stem.weight"], padding=1)
    y = F.conv2d(norm(x, "blocks.0.norm1").relu(), w["blocks.0.conv1.weight"], padding=1)
    y = F.conv2d(norm(y, "blocks.0.norm2").relu(), w["blocks.0.conv2.weight"], padding=1)
    pooled = norm(x + y, "norm").relu().mean((2, 3))
    hidden = (pooled @ w["hidden.weight"].T + w["hidden.bias"]).relu()
    expected = hidden @ w["head.weight"].T + w["head.bias"]
    torch.testing.assert_close(model.encode(images(3)), expected, atol=1e-5, rtol=1e-4)


def test_stages_halve_and_images_do_not_know_their_batch() -> None:
    model = ConvNet(ConvNetConfig(widths=(4, 8, 8), n_blocks=2), 5)
    assert len(model.blocks) == 6
    x = model.stem(images(2))
    sides = []
    for block in model.blocks:
        x = block(x)
        sides.append(x.shape[-1])
    assert sides == [12, 12, 6, 6, 3, 3]
    alone = model(images(4)[2:3])
    torch.testing.assert_close(model(images(4))[2:3], alone, atol=1e-5, rtol=1e-4)


def test_networks_are_a_function_of_their_seed() -> None:
    one, same, other = (ConvNet(ConvNetConfig(), seed) for seed in (1, 1, 2))
    assert torch.equal(one.stem.weight, same.stem.weight)
    assert not torch.equal(one.stem.weight, other.stem.weight)
    fan_in = 16 * 9
    assert float(one.blocks[1].conv1.weight.detach().std()) == pytest.approx(
        (2 / fan_in) ** 0.5, rel=0.05
    )


def test_a_file_gives_back_the_network(tmp_path) -> None:
    model = ConvNet(ConvNetConfig(widths=(4, 8), d_encoding=6), 5)
    save_convnet(tmp_path / "net.safetensors", model)
    again = load_convnet(tmp_path / "net.safetensors")
    assert again.cfg == model.cfg
    assert torch.equal(again(images(2)), model(images(2)))


def test_other_files_are_refused(tmp_path) -> None:
    save_model(tmp_path / "text.safetensors", Transformer(TEXT))
    with pytest.raises(FileFormatError, match=r"netseams\.convnet"):
        load_convnet(tmp_path / "text.safetensors")
    model = ConvNet(ConvNetConfig(widths=(4,)), 5)
    model.cfg = ConvNetConfig(widths=(8,))
    save_convnet(tmp_path / "wrong.safetensors", model)
    with pytest.raises(FileFormatError, match=r"should be .* came"):
        load_convnet(tmp_path / "wrong.safetensors")
    with pytest.raises(ValueError, match="must divide every width"):
        ConvNetConfig(widths=(6,))
