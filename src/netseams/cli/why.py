"""`netseams why`: from a verdict down to configs, seeds and versions."""

from pathlib import Path
from typing import Annotated

import tyro

from netseams.cli.claims import CLAIMS_FOLDER
from netseams.cli.parse import call


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""
    return call(_why, arguments, "why")


def _why(
    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="ID")],
    out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = CLAIMS_FOLDER,
) -> int:
    """Say what a verdict rests on: numbers, experiment, seeds, cells, networks, versions.

    Args:
        name: A claim's id, or a verdict's.
        out: Folder that holds verdicts.json.
    """
    from netseams.claims import why

    print(why(name, out))
    return 0
