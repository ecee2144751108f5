"""BERT: sees both ways, and norms behind every addition, so that reads are what enters."""

from netseams.models.adapters.base import ADAPTERS, Adapter, Input

BERT = ADAPTERS.register("bert")(
    Adapter(
        blocks="encoder.layer",
        attn_read=Input("attention.self"),
        q="attention.self.query",
        k="attention.self.key",
        v="attention.self.value",
        attn_write="attention.output.dense",
        mlp_read=Input("intermediate"),
        mlp_up=("intermediate.dense",),
        mlp_write="output.dense",
        final_read="encoder.layer.{last}.output.LayerNorm",
        causal=False,
    )
)
