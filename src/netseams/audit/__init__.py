"""Is a circuit real? A battery of checks, each with its control, and a word for what they allow."""

from netseams.audit.card import LADDER, AuditCard, Finding, Outcome, Word, rung_of, word_of
from netseams.audit.checks import CHECKS, Check
from netseams.audit.config import AuditConfig
from netseams.audit.run import ask, audit, card_of
from netseams.audit.subject import NotApplicableError, Subject, digest

__all__ = [
    "CHECKS",
    "LADDER",
    "AuditCard",
    "AuditConfig",
    "Check",
    "Finding",
    "NotApplicableError",
    "Outcome",
    "Subject",
    "Word",
    "ask",
    "audit",
    "card_of",
    "digest",
    "rung_of",
    "word_of",
]
