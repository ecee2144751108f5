"""The transformer, its sites, its file format, and readers of other people's models."""

from netseams.models.adapters import ADAPTERS, Adapter, Fused, Input
from netseams.models.bridge import Bridges, BridgeShape, bridge_sites
from netseams.models.bridge_files import load_bridges, save_bridges
from netseams.models.components import ComponentGraph, Link, component_graph, component_of
from netseams.models.config import TransformerConfig
from netseams.models.convnet import ConvNet, ConvNetConfig, load_convnet, save_convnet
from netseams.models.counts import ParameterCount, parameter_counts
from netseams.models.encoder import Encoder, FinalRead, encode_sets, encoder_of
from netseams.models.files import model_fingerprint, save_model
from netseams.models.gpt2 import save_gpt2
from netseams.models.groups import PARAMETER_GROUPS, ParameterGroup, group_of
from netseams.models.hooked import HookedModel
from netseams.models.hooked_config import HookedConfig, Precision
from netseams.models.hugging_face import load_hooked
from netseams.models.load import load_model
from netseams.models.network import Network
from netseams.models.nodes import Matrix, Site
from netseams.models.ours import only_ours
from netseams.models.parts import Hook
from netseams.models.readout import NearestMean, with_nearest_mean
from netseams.models.sites import canonical_site, matrices_of, sites_of
from netseams.models.transformer import Transformer
from netseams.models.weight_matrices import WeightMatrix, touched_channels, weight_matrices

__all__ = [
    "ADAPTERS",
    "PARAMETER_GROUPS",
    "Adapter",
    "BridgeShape",
    "Bridges",
    "ComponentGraph",
    "ConvNet",
    "ConvNetConfig",
    "Encoder",
    "FinalRead",
    "Fused",
    "Hook",
    "HookedConfig",
    "HookedModel",
    "Input",
    "Link",
    "Matrix",
    "NearestMean",
    "Network",
    "ParameterCount",
    "ParameterGroup",
    "Precision",
    "Site",
    "Transformer",
    "TransformerConfig",
    "WeightMatrix",
    "bridge_sites",
    "canonical_site",
    "component_graph",
    "component_of",
    "encode_sets",
    "encoder_of",
    "group_of",
    "load_bridges",
    "load_convnet",
    "load_hooked",
    "load_model",
    "matrices_of",
    "model_fingerprint",
    "only_ours",
    "parameter_counts",
    "save_bridges",
    "save_convnet",
    "save_gpt2",
    "save_model",
    "sites_of",
    "touched_channels",
    "weight_matrices",
    "with_nearest_mean",
]
