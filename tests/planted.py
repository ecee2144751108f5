"""The first planted network under the names it had here before it moved to the library."""

from netseams.planted.first_token import first_token, first_token_corpus
from netseams.planted.first_token import first_token_model as planted_model
from netseams.planted.first_token import first_token_task as planted_task

PlantedCorpus = first_token_corpus
TRUE_NODES = {s: set(nodes) for s, nodes in first_token().truths["first_token"].nodes.items()}
TRUE_EDGES = set(first_token().truths["first_token"].weights)

__all__ = ["TRUE_EDGES", "TRUE_NODES", "PlantedCorpus", "planted_model", "planted_task"]
