"""The transformer, its sites, and its file format."""

from netseams.models.config import TransformerConfig
from netseams.models.files import load_model, model_fingerprint, save_model
from netseams.models.sites import Matrix, Site, canonical_site, matrices_of, sites_of
from netseams.models.parts import Hook
from netseams.models.transformer import Transformer

__all__ = [
    "Hook",
    "Matrix",
    "Site",
    "Transformer",
    "TransformerConfig",
    "canonical_site",
    "load_model",
    "matrices_of",
    "model_fingerprint",
    "save_model",
    "sites_of",
]
