"""Dated claims, one file each: what they predict, the experiment that asks, and the verdict."""

from netseams.claims.claim import CLAIMS, Claim, ClaimFile, Counts, Prediction
from netseams.claims.verdict import ConditionVerdict, Verdict, judge

__all__ = [
    "CLAIMS",
    "Claim",
    "ClaimFile",
    "ConditionVerdict",
    "Counts",
    "Prediction",
    "Verdict",
    "judge",
]
