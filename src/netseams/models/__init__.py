"""The transformer, its sites, its file format, and readers of other people's models."""

from netseams.models.bridge import Bridges, BridgeShape, bridge_sites
from netseams.models.bridge_files import load_bridges, save_bridges
from netseams.models.components import ComponentGraph, Link, component_graph, component_of
from netseams.models.config import TransformerConfig
from netseams.models.counts import ParameterCount, parameter_counts
from netseams.models.files import model_fingerprint, save_model
from netseams.models.gpt2 import save_gpt2
from netseams.models.groups import PARAMETER_GROUPS, ParameterGroup, group_of
from netseams.models.load import load_model
from netseams.models.parts import Hook
from netseams.models.sites import Matrix, Site, canonical_site, matrices_of, sites_of
from netseams.models.transformer import Transformer

__all__ = [
    "PARAMETER_GROUPS",
    "BridgeShape",
    "Bridges",
    "ComponentGraph",
    "Hook",
    "Link",
    "Matrix",
    "ParameterCount",
    "ParameterGroup",
    "Site",
    "Transformer",
    "TransformerConfig",
    "bridge_sites",
    "canonical_site",
    "component_graph",
    "component_of",
    "group_of",
    "load_bridges",
    "load_model",
    "matrices_of",
    "model_fingerprint",
    "parameter_counts",
    "save_bridges",
    "save_gpt2",
    "save_model",
    "sites_of",
]
