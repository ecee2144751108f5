"""GPT-2: queries, keys and values side by side in one transposed matrix."""

from netseams.models.adapters.base import ADAPTERS, Adapter, Fused

GPT2 = ADAPTERS.register("gpt2")(
    Adapter(
        blocks="h",
        attn_read="ln_1",
        q=Fused("attn.c_attn", 0, "thirds"),
        k=Fused("attn.c_attn", 1, "thirds"),
        v=Fused("attn.c_attn", 2, "thirds"),
        attn_write="attn.c_proj",
        mlp_read="ln_2",
        mlp_up=("mlp.c_fc",),
        mlp_write="mlp.c_proj",
        final_read="ln_f",
    )
)
