"""The transformer, its sites, and its file format."""

from netseams.models.bridge import Bridges, BridgeShape, bridge_sites
from netseams.models.bridge_files import load_bridges, save_bridges
from netseams.models.files import load_model, model_fingerprint, save_model
from netseams.models.sites import Matrix, Site, canonical_site, matrices_of, sites_of
from netseams.models.transformer import Hook, Transformer, TransformerConfig

__all__ = [
    "BridgeShape",
    "Bridges",
    "Hook",
    "Matrix",
    "Site",
    "Transformer",
    "TransformerConfig",
    "bridge_sites",
    "canonical_site",
    "load_bridges",
    "load_model",
    "matrices_of",
    "model_fingerprint",
    "save_bridges",
    "save_model",
    "sites_of",
]
