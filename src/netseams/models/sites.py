"""Where nodes live and which matrices join them.

A node is one channel at a node site; an edge is one non-zero weight between two nodes
(arXiv 2511.13653, section 2.2 and A.5). Residual identity paths and query-key products are
not edges. Neither are embedding and unembedding, which start and end every circuit.
Concatenated position channels are nodes of the two reads, as in the release: its masks and its
AbsTopK act on stream and positions together. They come last at `ln1` and `ln2`.
"""

import math

from netseams.core import UnknownNameError
from netseams.models.config import SparseSite, TransformerConfig
from netseams.models.hooked_config import HookedConfig
from netseams.models.nodes import Matrix, Site
from netseams.models.transformer import BLOCK_SITES


def sites_of(cfg: TransformerConfig | HookedConfig) -> list[Site]:
    """The node sites in forward order: 8 a block, and the final read."""
    if isinstance(cfg, HookedConfig):
        return list(cfg.sites)
    heads = (cfg.n_heads, cfg.d_head)
    d, m, r = (cfg.d_model,), (cfg.d_mlp,), (cfg.d_read,)
    names: tuple[tuple[SparseSite, tuple[int, ...]], ...] = (
        ("ln1.hook_normalized", r),
        ("attn.hook_q", heads),
        ("attn.hook_k", heads),
        ("attn.hook_v", heads),
        ("hook_attn_out", d),
        ("ln2.hook_normalized", r),
        ("mlp.hook_post", m),
        ("hook_mlp_out", d),
    )
    sites = [
        Site(f"blocks.{i}.{name}", math.prod(shape), shape, cfg.kept_at(name))
        for i in range(cfg.n_layers)
        for name, shape in names
    ]
    final: SparseSite = "ln_final.hook_normalized"
    return [*sites, Site(final, cfg.d_model, d, cfg.kept_at(final))]


def matrices_of(cfg: TransformerConfig | HookedConfig) -> list[Matrix]:
    """The six matrices of every block (seven with a gated MLP), each with the sites it joins."""
    if isinstance(cfg, HookedConfig):
        return list(cfg.matrices)
    matrices: list[Matrix] = []
    for i in range(cfg.n_layers):
        b = f"blocks.{i}"
        matrices += [
            Matrix(f"{b}.attn.{n}.weight", f"{b}.ln1.hook_normalized", f"{b}.attn.hook_{n}")
            for n in "qkv"
        ]
        matrices += [
            Matrix(f"{b}.attn.out.weight", f"{b}.attn.hook_v", f"{b}.hook_attn_out"),
            Matrix(f"{b}.mlp.up.weight", f"{b}.ln2.hook_normalized", f"{b}.mlp.hook_post"),
            Matrix(f"{b}.mlp.down.weight", f"{b}.mlp.hook_post", f"{b}.hook_mlp_out"),
        ]
    return matrices


# One table of other tools' names, by the part of ours behind `blocks.{i}.`. The second column
# is that of TransformerLens 3, the third that of openai/circuit_sparsity (behind `{i}.`).
_ALIASES: tuple[tuple[str, str | None, str | None], ...] = (
    ("hook_resid_pre", "hook_in", "resid_in"),
    ("ln1.hook_normalized", None, "attn.act_in"),
    ("attn.hook_q", "attn.q.hook_out", "attn.q"),
    ("attn.hook_k", "attn.k.hook_out", "attn.k"),
    ("attn.hook_v", "attn.v.hook_out", "attn.v"),
    ("attn.hook_z", None, "attn.y"),
    ("hook_attn_out", "attn.hook_out", "attn.resid_delta"),
    ("hook_resid_mid", None, "resid_mid"),
    ("ln2.hook_normalized", None, "mlp.act_in"),
    ("mlp.hook_post", None, "mlp.post_act"),
    ("hook_mlp_out", "mlp.hook_out", "mlp.resid_delta"),
    ("hook_resid_post", "hook_out", None),
)


def canonical_site(name: str, cfg: TransformerConfig) -> str:
    """Our name of a site given under ours or another tool's.

    Raises:
        UnknownNameError: no such site; the nearest valid names are listed.
    """
    # The release hooks `final_resid` before the final norm.
    final = f"blocks.{cfg.n_layers - 1}.hook_resid_post"
    table = {"embed.hook_out": "hook_embed", "final_resid": final}
    for i in range(cfg.n_layers):
        for ours, lens, released in _ALIASES:
            if lens:
                table[f"blocks.{i}.{lens}"] = f"blocks.{i}.{ours}"
            if released:
                table[f"{i}.{released}"] = f"blocks.{i}.{ours}"
        table |= {f"blocks.{i}.{site}": f"blocks.{i}.{site}" for site in BLOCK_SITES}
    table |= {own: own for own in ("hook_embed", "ln_final.hook_normalized")}
    if cfg.positions != "none":
        table["hook_pos_embed"] = "hook_pos_embed"
    if name not in table:
        raise UnknownNameError("site", name, table)
    return table[name]
