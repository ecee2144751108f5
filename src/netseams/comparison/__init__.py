"""The arms on equal terms: train all, search all, measure all, put them side by side."""

from netseams.comparison.config import Arm, CompareConfig, Setting
from netseams.comparison.pipeline import compare
from netseams.comparison.result import Comparison

__all__ = ["Arm", "CompareConfig", "Comparison", "Setting", "compare"]
