"""The transformer, its sites, its file format, and readers of other people's models."""

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
from netseams.models.load import load_model
from netseams.models.parts import Hook
from netseams.models.sites import Matrix, Site, canonical_site, matrices_of, sites_of
from netseams.models.transformer import Transformer
from netseams.models.weight_matrices import WeightMatrix, touched_channels, weight_matrices

__all__ = [
    "PARAMETER_GROUPS",
    "BridgeShape",
    "Bridges",
    "ComponentGraph",
    "ConvNet",
    "ConvNetConfig",
    "Encoder",
    "FinalRead",
    "Hook",
    "Link",
    "Matrix",
    "ParameterCount",
    "ParameterGroup",
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
    "load_model",
    "matrices_of",
    "model_fingerprint",
    "parameter_counts",
    "save_bridges",
    "save_convnet",
    "save_gpt2",
    "save_model",
    "sites_of",
    "touched_channels",
    "weight_matrices",
]
