"""How one flat vector of scores covers all node sites of a model."""

import torch
from torch import Tensor

from netseams.core import SettingError
from netseams.models import HookedConfig, TransformerConfig, sites_of


class Layout:
    """Nodes of all sites in forward order, and the gate that each of them hangs on.

    Shape letters: N nodes, G gates (fewer where queries and keys share theirs), M masks.

    Raises:
        SettingError: queries and keys should share gates, but there are fewer keys.
    """

    def __init__(self, cfg: TransformerConfig | HookedConfig, tie_qk: bool = False) -> None:
        self.sites = sites_of(cfg)
        self.widths = [site.width for site in self.sites]
        self.n_nodes = sum(self.widths)
        gates = torch.arange(self.n_nodes)
        if tie_qk:
            if isinstance(cfg, HookedConfig) and cfg.n_kv_heads != cfg.n_heads:
                raise SettingError(
                    f"{cfg.n_heads} query heads share {cfg.n_kv_heads} key heads, so their "
                    "channels cannot share gates: use a search without tie_qk"
                )
            by_site = self.by_site(gates)
            for site in self.sites:
                if site.name.endswith("hook_k"):
                    by_site[site.name].copy_(by_site[site.name[:-1] + "q"])
        kept, self.gate_of = gates.unique(return_inverse=True)
        self.n_gates = len(kept)
        self.tied = tie_qk

    def nodes(self, gates: Tensor) -> Tensor:
        """(..., G) -> (..., N): every node gets the value of its gate."""
        return gates[..., self.gate_of.to(gates.device)] if self.tied else gates

    def per_gate(self, nodes: Tensor) -> Tensor:
        """(N,) -> (G,): the values of all nodes on a gate, summed."""
        return nodes.new_zeros(self.n_gates).index_add_(0, self.gate_of.to(nodes.device), nodes)

    def by_site(self, nodes: Tensor) -> dict[str, Tensor]:
        """(..., N) -> site -> (..., width), as views."""
        parts = nodes.split(self.widths, dim=-1)
        return {site.name: part for site, part in zip(self.sites, parts, strict=True)}
