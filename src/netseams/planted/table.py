"""The table of planted networks."""

from collections.abc import Callable

from netseams.core import Registry
from netseams.planted.base import Planted
from netseams.planted.counting import and_gate, brackets, or_gate
from netseams.planted.first_token import first_token
from netseams.planted.heads import copy_previous, induction, reverse
from netseams.planted.modules import two_modules
from netseams.planted.programs import rasp_histogram, rasp_reverse, rasp_sort
from netseams.planted.redundant import backup, cancellation
from netseams.planted.tracr import tracr_fraction, tracr_reverse

PLANTED: Registry[Callable[[], Planted]] = Registry("planted network")
"""Name -> builder."""

for _build in (
    first_token, copy_previous, reverse, induction, brackets, and_gate, or_gate, backup,
    cancellation, two_modules, tracr_reverse, tracr_fraction, rasp_reverse,
    rasp_histogram, rasp_sort,
):  # fmt: skip
    PLANTED.register(_build.__name__)(_build)
