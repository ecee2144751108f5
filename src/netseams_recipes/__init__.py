"""Named full configs: what to run, on what hardware, for how long, and what to expect."""

from netseams_recipes.compare import PRESETS, Preset, preset
from netseams_recipes.emergent import KNOWN_PARTS, ODD_ONE_OUT, known_parts, odd_one_out
from netseams_recipes.recipe import Recipe
from netseams_recipes.search import SEARCHES, search_recipe
from netseams_recipes.training import RECIPES, recipe

__all__ = [
    "KNOWN_PARTS",
    "ODD_ONE_OUT",
    "PRESETS",
    "RECIPES",
    "SEARCHES",
    "Preset",
    "Recipe",
    "known_parts",
    "odd_one_out",
    "preset",
    "recipe",
    "search_recipe",
]
