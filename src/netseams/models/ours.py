"""What only our own architecture can do: links between components, masks of single weights."""

from netseams.core import ModelError
from netseams.models.network import Network
from netseams.models.transformer import Transformer


def only_ours(model: Network, what: str) -> Transformer:
    """The model itself, if it is ours.

    Args:
        what: what is wanted of it, in the plural: "circuits of links".

    Raises:
        ModelError: it is somebody else's.
    """
    if isinstance(model, Transformer):
        return model
    raise ModelError(
        f"{what} need a Transformer of netseams, got a {type(model).__name__}"
        f"{_source(model)}: circuits of nodes (node_masks) can be found in it"
    )


def _source(model: Network) -> str:
    source = getattr(model.cfg, "source", None)
    return "" if source is None else f" of {source}"
