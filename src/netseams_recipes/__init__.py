"""Named full configs: what to run, on what hardware, for how long, and what to expect."""

from netseams_recipes.compare import PRESETS, Preset, preset
from netseams_recipes.search import SEARCHES, search_recipe

__all__ = ["PRESETS", "SEARCHES", "Preset", "preset", "search_recipe"]
