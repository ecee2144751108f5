"""Named full configs: what to run, on what hardware, for how long, and what to expect."""

from netseams_recipes.compare import PRESETS, Preset, preset

__all__ = ["PRESETS", "Preset", "preset"]
