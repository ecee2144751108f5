"""Networks whose circuits are known: the ruler for methods and measures, which never see it."""

from netseams.planted.base import (
    TOLERANCE,
    Planted,
    PlantedCorpus,
    Truth,
    WeightEdge,
)
from netseams.planted.compile import Compiled, compile_program
from netseams.planted.needed import needed_nodes, needed_weights
from netseams.planted.structure import live_links
from netseams.planted.table import PLANTED

__all__ = [
    "PLANTED",
    "TOLERANCE",
    "Compiled",
    "Planted",
    "PlantedCorpus",
    "Truth",
    "WeightEdge",
    "compile_program",
    "live_links",
    "needed_nodes",
    "needed_weights",
]
