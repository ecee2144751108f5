"""The two routes on equal terms: train both, search both, measure both, put them side by side."""

from netseams.comparison.config import CompareConfig, Setting
from netseams.comparison.pipeline import compare
from netseams.comparison.result import Comparison

__all__ = ["CompareConfig", "Comparison", "Setting", "compare"]
