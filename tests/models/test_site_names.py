import pytest

from netseams.core import UnknownNameError
from netseams.models import Transformer, TransformerConfig, canonical_site

CONFIG = TransformerConfig(n_layers=2, d_model=16, n_heads=2, d_mlp=32)

LENS_3 = {
    "embed.hook_out": "hook_embed",
    "blocks.1.hook_in": "blocks.1.hook_resid_pre",
    "blocks.0.attn.q.hook_out": "blocks.0.attn.hook_q",
    "blocks.0.attn.k.hook_out": "blocks.0.attn.hook_k",
    "blocks.1.attn.v.hook_out": "blocks.1.attn.hook_v",
    "blocks.1.attn.hook_out": "blocks.1.hook_attn_out",
    "blocks.1.mlp.hook_out": "blocks.1.hook_mlp_out",
    "blocks.0.hook_out": "blocks.0.hook_resid_post",
}
# Hooks of the forward pass in openai/circuit_sparsity.
RELEASED = {
    "0.resid_in": "blocks.0.hook_resid_pre",
    "0.attn.act_in": "blocks.0.ln1.hook_normalized",
    "0.attn.q": "blocks.0.attn.hook_q",
    "1.attn.k": "blocks.1.attn.hook_k",
    "1.attn.v": "blocks.1.attn.hook_v",
    "1.attn.y": "blocks.1.attn.hook_z",
    "1.attn.resid_delta": "blocks.1.hook_attn_out",
    "1.resid_mid": "blocks.1.hook_resid_mid",
    "1.mlp.act_in": "blocks.1.ln2.hook_normalized",
    "1.mlp.post_act": "blocks.1.mlp.hook_post",
    "0.mlp.resid_delta": "blocks.0.hook_mlp_out",
    "final_resid": "blocks.1.hook_resid_post",
}


@pytest.mark.parametrize(("theirs", "ours"), [*LENS_3.items(), *RELEASED.items()])
def test_names_of_other_tools(theirs: str, ours: str) -> None:
    assert canonical_site(theirs, CONFIG) == ours
    assert ours in Transformer(CONFIG).site_names()


def test_our_own_names_are_kept() -> None:
    for name in Transformer(CONFIG).site_names():
        assert canonical_site(name, CONFIG) == name


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("blocks.1.attn.hook_out_", "blocks.1.attn.hook_out"),
        ("blocks.2.hook_resid_pre", "blocks.1.hook_resid_pre"),
        ("2.attn.q", "1.attn.q"),
    ],
)
def test_layers_and_sites_that_do_not_exist(wrong: str, near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown site '{wrong}'") as caught:
        canonical_site(wrong, CONFIG)
    assert near in caught.value.known
    assert "did you mean" in str(caught.value)


def test_a_model_without_positions_has_no_site_for_them() -> None:
    bare = CONFIG.model_copy(update={"positions": "none"})
    with pytest.raises(UnknownNameError):
        canonical_site("hook_pos_embed", bare)
