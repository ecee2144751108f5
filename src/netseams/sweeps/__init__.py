"""Many runs on many workers: plans, the store that they share, and who runs them."""

from netseams.sweeps.local import Outcome, outcome, sweep_local
from netseams.sweeps.plan import Plan, Point, Searches, check_plan, read_plan
from netseams.sweeps.store import Divergence, PointResult, SearchRow, SweepStore
from netseams.sweeps.worker import work

__all__ = [
    "Divergence",
    "Outcome",
    "Plan",
    "Point",
    "PointResult",
    "SearchRow",
    "Searches",
    "SweepStore",
    "check_plan",
    "outcome",
    "read_plan",
    "sweep_local",
    "work",
]
