"""Llama and its likes: grouped queries, a gated MLP. Queries and keys are taken before rotation
(and before the norm that Qwen3 gives them)."""

from netseams.models.adapters.base import ADAPTERS, Adapter

LLAMA = Adapter(
    blocks="layers",
    attn_read="input_layernorm",
    q="self_attn.q_proj",
    k="self_attn.k_proj",
    v="self_attn.v_proj",
    attn_write="self_attn.o_proj",
    mlp_read="post_attention_layernorm",
    mlp_up=("mlp.gate_proj", "mlp.up_proj"),
    mlp_write="mlp.down_proj",
    final_read="norm",
)
for _model_type in ("llama", "mistral", "qwen2", "qwen3"):
    ADAPTERS.register(_model_type)(LLAMA)
