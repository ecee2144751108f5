"""Dated claims, one file each: what they predict, the experiment that asks, and the verdict."""

from netseams.claims import (  # noqa: F401  (each adds its claim to the table)
    forced_is_robust,
    isolated_modules,
    necessary_and_sufficient,
    only_insisting,
    pretraining_consistency,
    real_by_construction,
    robustness_interventions,
    smaller_at_equal_loss,
)
from netseams.claims.chain import changed_since, numbers_in_words, rule_in_words, why
from netseams.claims.claim import CLAIMS, Claim, ClaimFile, Counts, Prediction
from netseams.claims.evidence import Evidence, Links, Verdicts, read_verdicts
from netseams.claims.run import Finished, Need, gather, judge_all, needs, run_claims
from netseams.claims.verdict import ConditionVerdict, Verdict, judge

__all__ = [
    "CLAIMS",
    "Claim",
    "ClaimFile",
    "ConditionVerdict",
    "Counts",
    "Evidence",
    "Finished",
    "Links",
    "Need",
    "Prediction",
    "Verdict",
    "Verdicts",
    "changed_since",
    "gather",
    "judge",
    "judge_all",
    "needs",
    "numbers_in_words",
    "read_verdicts",
    "rule_in_words",
    "run_claims",
    "why",
]
