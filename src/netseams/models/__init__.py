"""The transformer, its sites, its file format, and readers of other people's models."""

from netseams.models.adapters import ADAPTERS, Adapter, Fused, Input
from netseams.models.bridge import Bridges, BridgeShape, bridge_sites
from netseams.models.bridge_files import load_bridges, save_bridges
from netseams.models.config import TransformerConfig
from netseams.models.counts import ParameterCount, parameter_counts
from netseams.models.files import model_fingerprint, save_model
from netseams.models.gpt2 import save_gpt2
from netseams.models.groups import PARAMETER_GROUPS, ParameterGroup, group_of
from netseams.models.hooked import HookedModel
from netseams.models.hooked_config import HookedConfig, Precision
from netseams.models.hugging_face import load_hooked
from netseams.models.load import load_model
from netseams.models.network import Network
from netseams.models.nodes import Matrix, Site
from netseams.models.parts import Hook
from netseams.models.readout import NearestMean, with_nearest_mean
from netseams.models.sites import canonical_site, matrices_of, sites_of
from netseams.models.transformer import Transformer

__all__ = [
    "ADAPTERS",
    "PARAMETER_GROUPS",
    "Adapter",
    "BridgeShape",
    "Bridges",
    "Fused",
    "Hook",
    "HookedConfig",
    "HookedModel",
    "Input",
    "Matrix",
    "NearestMean",
    "Network",
    "ParameterCount",
    "ParameterGroup",
    "Precision",
    "Site",
    "Transformer",
    "TransformerConfig",
    "bridge_sites",
    "canonical_site",
    "group_of",
    "load_bridges",
    "load_hooked",
    "load_model",
    "matrices_of",
    "model_fingerprint",
    "parameter_counts",
    "save_bridges",
    "save_gpt2",
    "save_model",
    "sites_of",
    "with_nearest_mean",
]
