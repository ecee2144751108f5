"""Networks in the box: packed runs, their cards and their circuits. `netseams_recipes.zoo` made
them; `netseams compare --models zoo` uses them."""

from pathlib import Path

FOLDER = Path(__file__).parent
