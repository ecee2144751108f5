"""Shape and options of a `Transformer`.

The defaults are the model that `netseams` trains. The other options are those of networks that
come from elsewhere: the release of arXiv 2511.13653 (openai/circuit_sparsity), GPT-2, and programs
compiled to weights (arXiv 2301.05062), which have no norms and see both ways.
"""

from typing import Any, Literal, get_args

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from netseams.core import Config
from netseams.masks import kept_count

Activation = Literal["gelu", "gelu_tanh", "relu"]
SparseSite = Literal[
    "ln1.hook_normalized", "attn.hook_q", "attn.hook_k", "attn.hook_v", "hook_attn_out",
    "hook_resid_mid", "ln2.hook_normalized", "mlp.hook_post", "hook_mlp_out", "hook_resid_post",
    "ln_final.hook_normalized",
]  # fmt: skip
"""Where AbsTopK can stand: a site of every block, or the final read."""
_NODE_SITES: tuple[SparseSite, ...] = tuple(
    site for site in get_args(SparseSite) if "resid" not in site
)
_ALWAYS_WRITTEN = frozenset({
    "n_layers", "n_heads", "d_model", "d_mlp", "n_ctx", "d_vocab", "positions",
    "activation_density", "sinks", "bigram",
})  # fmt: skip


class TransformerConfig(Config):
    """Shape and options of a `Transformer`."""

    n_layers: int = Field(default=2, ge=1)
    n_heads: int = Field(default=8, ge=1)
    d_model: int = Field(default=128, ge=1)
    d_mlp: int = Field(default=512, ge=1)
    n_ctx: int = Field(default=64, ge=1)
    d_vocab: int = Field(default=1024, ge=2)
    positions: Literal["none", "learned", "concatenated"] = "learned"
    """`learned` adds a table to the embedding. `concatenated` puts `d_pos` channels beside what
    every block reads; no block writes to them (arXiv 2511.13653, A.1)."""
    activation_density: float | None = Field(default=None, gt=0, le=1)
    """Share of channels that AbsTopK keeps at every site of `activation_sites`; None: all."""
    sinks: bool = False
    """A learned logit per head in the softmax denominator."""
    bigram: bool = False
    """A dense table of the current token's row, added to the logits."""

    d_pos: int = Field(default=0, ge=0)
    """Width of concatenated position channels; 0 without them."""
    head_width: int | None = Field(default=None, ge=1)
    """Channels of a head; None: d_model / n_heads."""
    activation_sites: tuple[SparseSite, ...] = _NODE_SITES
    """Where AbsTopK stands; by default at every node site."""
    activation_rounding: Literal["nearest", "down"] = "nearest"
    """How width times density becomes a number of channels. The release rounds down."""
    norm: Literal["rms", "layer", "none"] = "rms"
    norm_gain: bool = False
    """A learned factor a channel. Without AbsTopK it folds into the next matrix."""
    norm_bias: bool = False
    norm_epsilon: float = Field(default=1e-5, gt=0)
    activation: Activation = "gelu"
    """Of the MLP. `gelu_tanh` is GPT-2's approximation of `gelu`."""
    residual: Literal["identity", "relu"] = "identity"
    """What the residual stream passes through after every addition."""
    biases: bool = True
    """Whether the six matrices of a block carry biases."""
    tied_unembed: bool = False
    """The embedding serves as unembedding too."""
    unembed_bias: bool = False
    causal: bool = True
    """Whether a position sees only itself and what stands before it."""

    @model_validator(mode="after")
    def _possible(self) -> "TransformerConfig":
        if self.head_width is None and self.d_model % self.n_heads:
            raise ValueError(f"n_heads {self.n_heads} must divide d_model {self.d_model}")
        if (self.positions == "concatenated") != (self.d_pos > 0):
            raise ValueError(
                f"d_pos is {self.d_pos}: it must be above 0 with concatenated positions, else 0"
            )
        for site in self.activation_sites:
            if self.kept_at(site) == 0:
                raise ValueError(
                    f"activation_density {self.activation_density} keeps none of the "
                    f"{self.width_of(site)} channels at {site}"
                )
        return self

    @model_serializer(mode="wrap")
    def _without_unused_options(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Options that came later are written where they are used, and only there.

        So older files, and the digests and fingerprints made of this text, stay what they were.
        """
        fields = type(self).model_fields
        return {
            name: value
            for name, value in write(self).items()
            if name in _ALWAYS_WRITTEN or getattr(self, name) != fields[name].default
        }

    @property
    def d_head(self) -> int:
        return self.d_model // self.n_heads if self.head_width is None else self.head_width

    @property
    def d_attn(self) -> int:
        """Width of queries, keys and values: all heads together."""
        return self.n_heads * self.d_head

    @property
    def d_read(self) -> int:
        """Width of what a block reads: the residual stream, and position channels beside it."""
        return self.d_model + self.d_pos

    def width_of(self, site: SparseSite) -> int:
        """Channels at a site."""
        if site in ("ln1.hook_normalized", "ln2.hook_normalized"):
            return self.d_read
        if site in ("attn.hook_q", "attn.hook_k", "attn.hook_v"):
            return self.d_attn
        return self.d_mlp if site == "mlp.hook_post" else self.d_model

    def kept_at(self, site: SparseSite) -> int | None:
        """How many channels AbsTopK keeps at a site; None where there is none."""
        if self.activation_density is None or site not in self.activation_sites:
            return None
        if self.activation_rounding == "down":
            return int(self.activation_density * self.width_of(site))
        return kept_count(self.width_of(site), self.activation_density)
