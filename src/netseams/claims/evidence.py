"""`verdicts.json`: every verdict with its numbers, and links down to what it was read off."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from netseams.claims.claim import Claim
from netseams.claims.verdict import Verdict, with_holm
from netseams.core import Config
from netseams.store import Provenance, read_bytes, write_text

_SHORT = 12


class Links(Config):
    """Where the rows are that a verdict was read off, and how they were made."""

    experiment: str
    preset: str
    config_digest: str
    primary_metric: str
    """The experiment's own."""
    folder: str
    """Of the experiment, relative to that of verdicts.json."""
    rows: str
    """The raw rows, likewise."""
    rows_digest: str
    n_rows: int
    n_cells: int
    seeds: tuple[int, ...]
    provenance: Provenance | None
    """Of the run; of the last call, where it took several."""


class Evidence(Config):
    """One claim as it stood, its verdict, and the links."""

    id: str
    """Hash of claim, values, words and links, without versions and adjusted p."""
    claim: Claim
    verdict: Verdict
    links: Links
    judged_with: Provenance
    """Which may be newer than what made the rows."""

    @property
    def tested(self) -> bool:
        """Whether any condition had what a verdict needs."""
        return any(c.word != "not_tested" for c in self.verdict.conditions)


class Verdicts(Config):
    """The file. One entry for every prediction and experiment folder: other settings, or another
    prediction, add an entry and replace none."""

    format: Literal["netseams.verdicts"] = "netseams.verdicts"
    version: Literal[1] = 1
    verdicts: tuple[Evidence, ...] = ()

    def of(self, claim: str) -> list[Evidence]:
        """All of one claim, in the order in which they were made."""
        return [evidence for evidence in self.verdicts if evidence.claim.id == claim]

    def stands(self, claim: str) -> Evidence | None:
        """The one that counts: the last with enough seeds at the declared settings, else the last.

        A quick look never replaces a verdict.
        """
        found = self.of(claim)
        return max(reversed(found), key=lambda e: e.tested, default=None)


def verdicts_file(out: Path) -> Path:
    """Where the verdicts of a folder are."""
    return out / "verdicts.json"


def read_verdicts(out: Path) -> Verdicts:
    """The stored verdicts; none where there is no file.

    Raises:
        FileFormatError: the file is damaged or of another format.
    """
    path = verdicts_file(out)
    return Verdicts.read(path) if path.exists() else Verdicts()


def store_verdicts(out: Path, new: Sequence[Evidence]) -> Verdicts:
    """Put verdicts beside those that are there, and adjust p over all that stand.

    Raises:
        FileFormatError: the stored file is damaged.
        StorageError: it cannot be written.
    """
    kept = {_key(e): e for e in read_verdicts(out).verdicts}
    for evidence in new:
        kept.pop(_key(evidence), None)
        kept[_key(evidence)] = evidence
    merged = Verdicts(verdicts=tuple(kept.values()))
    claims = dict.fromkeys(e.claim.id for e in merged.verdicts)
    family = {e.id: e for claim in claims if (e := merged.stands(claim)) is not None}
    adjusted = dict(zip(family, with_holm([e.verdict for e in family.values()]), strict=True))
    found = Verdicts(
        verdicts=tuple(
            e.model_copy(update={"verdict": adjusted.get(e.id, _without_holm(e.verdict))})
            for e in merged.verdicts
        )
    )
    write_text(verdicts_file(out), found.model_dump_json(indent=1) + "\n")
    return found


def content_id(claim: Claim, verdict: Verdict, links: Links) -> str:
    """Equal claims, values and rows give equal ids, whatever else is judged beside them."""
    parts = [
        claim.model_dump(mode="json"),
        _without_holm(verdict).model_dump(mode="json"),
        links.model_dump(mode="json", exclude={"provenance"}),
    ]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_SHORT]


def file_digest(path: Path) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a file.

    Raises:
        FileFormatError: it cannot be read.
    """
    return hashlib.sha256(read_bytes(path)).hexdigest()[:16]


def _without_holm(verdict: Verdict) -> Verdict:
    conditions = tuple(c.model_copy(update={"p_holm": None}) for c in verdict.conditions)
    return verdict.model_copy(update={"conditions": conditions})


def _key(evidence: Evidence) -> tuple[str, str, str]:
    return evidence.claim.id, evidence.claim.prediction.digest(), evidence.links.folder
