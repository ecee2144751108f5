"""From a verdict down to what it rests on: numbers, experiment, seeds, cells, networks, versions.

What is no longer where it was is said, not raised: a verdict outlives its folders.
"""

import hashlib
import json
from pathlib import Path

from netseams.claims.claim import CLAIMS, Prediction
from netseams.claims.evidence import Evidence, Links, file_digest, read_verdicts, verdicts_file
from netseams.claims.verdict import ConditionVerdict
from netseams.core import UnknownNameError
from netseams.experiments.experiment import cells_folder
from netseams.store import Provenance


def why(name: str, out: Path) -> str:
    """The chain below a verdict, as indented lines.

    Args:
        name: a claim's id, or a verdict's (or the start of it, six digits or more).
        out: the folder of verdicts.json.

    Raises:
        UnknownNameError: neither a claim nor a stored verdict.
        FileFormatError: verdicts.json is damaged.
    """
    stored = read_verdicts(out)
    evidence = stored.stands(name)
    if evidence is None and len(name) >= 6:
        evidence = next((e for e in stored.verdicts if e.id.startswith(name)), None)
    if evidence is None and name in CLAIMS:
        return (
            f"{name}: {CLAIMS[name].claim.statement}\n"
            f"  no verdict in {verdicts_file(out)}: run `netseams claims run {name}`"
        )
    if evidence is None:
        known = [*CLAIMS, *(e.id for e in stored.verdicts)]
        raise UnknownNameError("claim or verdict", name, known)
    lines = _Lines()
    _verdict(lines, evidence)
    others = [e.id for e in stored.of(evidence.claim.id) if e.id != evidence.id]
    if others:
        lines.add(1, f"other verdicts on this claim: {', '.join(others)}")
    _experiment(lines, evidence.links, out)
    lines.add(1, f"judged by {_versions(evidence.judged_with)}")
    return "\n".join(lines.lines)


def changed_since(evidence: Evidence) -> str | None:
    """What a reader must know where the claim's file says something else today."""
    name = evidence.claim.id
    if name not in CLAIMS:
        return "this version does not have the claim"
    if CLAIMS[name].claim.prediction != evidence.claim.prediction:
        return "the prediction in the claim's file has changed since"
    return None


def rule_in_words(prediction: Prediction) -> str:
    """The rule with its numbers."""
    if prediction.rule == "at_least":
        return f"{prediction.unit} at least {prediction.reference:.3g}, interval over seeds"
    return (
        f"{prediction.direction} than {prediction.reference:.3g}, smallest effect of interest "
        f"{prediction.smallest_effect:.3g} ({prediction.unit})"
    )


def numbers_in_words(condition: ConditionVerdict) -> str:
    """Mean, interval, seeds and p of one condition."""
    s = condition.summary
    if s is None:
        return "no value"
    interval = "no interval" if s.low is None or s.high is None else f"[{s.low:.3g}, {s.high:.3g}]"
    text = f"{s.value:.3g} {interval}, {s.n_seeds} seed{'s' * (s.n_seeds != 1)}"
    if condition.p is not None:
        text += f", exact p {condition.p:.3g}"
    if condition.p_holm is not None:
        text += f", Holm {condition.p_holm:.3g}"
    return text


class _Lines:
    """Text with two blanks a level."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, level: int, text: str) -> None:
        self.lines.append("  " * level + text)


def _verdict(lines: _Lines, evidence: Evidence) -> None:
    claim, prediction = evidence.claim, evidence.claim.prediction
    lines.add(0, f"{claim.id}: {evidence.verdict.word} (verdict {evidence.id})")
    lines.add(1, claim.statement)
    lines.add(1, f"said in {claim.source}, {claim.date} {_arxiv(claim.arxiv_ids)}".rstrip())
    lines.add(1, f"metric: {prediction.metric}")
    lines.add(1, f"rule: {rule_in_words(prediction)}, {prediction.n_seeds} seeds")
    if (changed := changed_since(evidence)) is not None:
        lines.add(1, f"note: {changed}")
    for condition in evidence.verdict.conditions:
        lines.add(1, f"{condition.condition}: {condition.word}, {numbers_in_words(condition)}")
        lines.add(2, condition.reason)
        for seed, values in condition.values.items():
            lines.add(2, f"seed {seed}: {', '.join(f'{v:.3g}' for v in values) or 'no value'}")


def _experiment(lines: _Lines, links: Links, out: Path) -> None:
    folder = out / links.folder
    lines.add(1, f"experiment {links.experiment}, preset {links.preset}")
    lines.add(2, f"its primary metric: {links.primary_metric}")
    lines.add(2, f"seeds: {', '.join(map(str, links.seeds))}")
    lines.add(2, f"folder: {folder}" + ("" if folder.is_dir() else " (missing: moved or deleted)"))
    lines.add(2, f"config {links.config_digest}: {_config(folder / 'config.json', links)}")
    lines.add(2, f"rows: {links.n_rows} in {links.rows}, {_rows(out / links.rows, links)}")
    cells = len(list(cells_folder(folder).glob("*.json")))
    lines.add(2, f"cells: {cells} of {links.n_cells} in {cells_folder(folder)}")
    runs = sorted(path.parent for path in (folder / "runs").glob("*/config.json"))
    lines.add(2, f"trained networks: {len(runs)} in {folder / 'runs'}")
    for run in runs:
        state = "" if (run / "result.json").exists() else ", not finished"
        lines.add(3, f"{run.name}: config {_json_digest(run / 'config.json')}{state}")
    made = "unknown" if links.provenance is None else _versions(links.provenance)
    lines.add(2, f"made by {made}")


def _config(path: Path, links: Links) -> str:
    if not path.exists():
        return "config.json is missing"
    return "as stored" if _json_digest(path) == links.config_digest else "config.json is another"


def _rows(path: Path, links: Links) -> str:
    if not path.exists():
        return "which is missing"
    same = file_digest(path) == links.rows_digest
    return f"digest {links.rows_digest}" + ("" if same else ", CHANGED since the verdict")


def _json_digest(path: Path) -> str:
    """As `Config.digest`, of the file as it is."""
    try:
        text = json.dumps(json.loads(path.read_bytes()), sort_keys=True, separators=(",", ":"))
    except (OSError, ValueError):
        return "unreadable"
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _versions(made: Provenance) -> str:
    commit = "unknown" if made.commit is None else made.commit[:12]
    changes = " with changes" if made.modified else ""
    return (
        f"netseams {made.netseams} (commit {commit}{changes}), torch {made.torch}, "
        f"Python {made.python}, numpy {made.numpy}, {made.platform}, {made.device}"
    )


def _arxiv(ids: tuple[str, ...]) -> str:
    return f"(arXiv {', '.join(ids)})" if ids else ""
