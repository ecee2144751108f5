"""GPT-NeoX (Pythia): one matrix for queries, keys and values, head after head; the MLP may read
the same residual stream as attention does."""

from netseams.models.adapters.base import ADAPTERS, Adapter, Fused

GPT_NEOX = ADAPTERS.register("gpt_neox")(
    Adapter(
        blocks="layers",
        attn_read="input_layernorm",
        q=Fused("attention.query_key_value", 0, "heads"),
        k=Fused("attention.query_key_value", 1, "heads"),
        v=Fused("attention.query_key_value", 2, "heads"),
        attn_write="attention.dense",
        mlp_read="post_attention_layernorm",
        mlp_up=("mlp.dense_h_to_4h",),
        mlp_write="mlp.dense_4h_to_h",
        final_read="final_layer_norm",
    )
)
