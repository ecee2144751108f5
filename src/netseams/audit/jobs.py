"""Audits from disk to disk: checks side by side on worker processes, each leaving a file."""

from collections.abc import Callable
from pathlib import Path

from netseams.audit.card import AuditCard, Finding
from netseams.audit.checks import CHECKS
from netseams.audit.config import AuditConfig
from netseams.audit.places import Home, home_of, subject_at
from netseams.audit.run import ask, card_of
from netseams.audit.subject import digest
from netseams.circuits import load_circuit
from netseams.comparison.pool import Job, Report, run_jobs
from netseams.core import Config, Device
from netseams.store import WorkFolder, provenance, read_bytes, write_text
from netseams.training import Progress


class AuditPlan(Config):
    """`config.json` of an audit's folder: whose it is, and what was asked."""

    circuit: str
    """Content hash of the circuit."""
    audit: AuditConfig


def audit_folders(
    circuits: list[Path],
    config: AuditConfig,
    *,
    network: Path | None = None,
    out: Path | None = None,
    device: Device = "cpu",
    n_workers: int = 1,
    threads: int = 1,
    plan: Callable[[list[str]], None] | None = None,
    report: Report | None = None,
) -> dict[Path, AuditCard]:
    """Audit circuits on disk; a second call goes on where the first one stopped.

    Args:
        network: the run of all of them; None: it is looked for near each.
        out: folder for cards, one inside it for each circuit's content; by default `audit/`
            beside every circuit's files.

    Raises:
        CircuitMismatchError: a circuit's network is not there, or the given one is another.
        RunFolderError: a folder holds the audit of another circuit, or of other settings.
    """
    found = {path: load_circuit(path) for path in circuits}
    homes = {path: home_of(path, circuit, network) for path, circuit in found.items()}
    folders: dict[Path, Path] = {}
    jobs: list[Job] = []
    for path, circuit in found.items():
        content = digest(circuit)
        folders[path] = path / "audit" if out is None else out / content
        WorkFolder(folders[path]).claim(AuditPlan(circuit=content, audit=config))
        for group, names in groups().items():
            todo = [name for name in names if not _file(folders[path], name).exists()]
            if todo:
                arguments = (path, homes[path], folders[path], config, tuple(todo), device)
                jobs.append(Job(f"{group} of {circuit.task} {content}", run_checks, arguments))
    if plan is not None:
        plan([job.name for job in jobs])
    run_jobs(jobs, n_workers, threads, report or (lambda *_: None))
    made = provenance(threads, n_workers, device)
    cards: dict[Path, AuditCard] = {}
    for path, folder in folders.items():
        stored = folder / "card.json"
        if stored.exists():
            cards[path] = AuditCard.parse_json(read_bytes(stored), str(stored))
            continue
        findings = [_read(_file(folder, name)) for name in CHECKS]
        cards[path] = card_of(subject_at(path, homes[path], config, device), findings, made)
        write_text(stored, cards[path].model_dump_json(indent=1))
    return cards


def groups() -> dict[str, list[str]]:
    """Checks that go into one process: all quick ones, and such as share searches."""
    found: dict[str, list[str]] = {}
    for name in CHECKS:
        check = CHECKS[name]
        group = check.group or (name if check.searches else "quick")
        found.setdefault(group, []).append(name)
    # The longest first, so that no worker is left alone with it.
    return dict(sorted(found.items(), key=lambda item: item[0] not in ("deletion", "siblings")))


def run_checks(
    path: Path, home: Home, folder: Path, config: AuditConfig, names: tuple[str, ...],
    device: Device, progress: Progress,
) -> None:  # fmt: skip
    """Some checks of one circuit."""
    subject = subject_at(path, home, config, device)
    for number, name in enumerate(names):
        progress(number, len(names), name)
        write_text(_file(folder, name), ask(subject, name).model_dump_json(indent=1))


def _file(folder: Path, name: str) -> Path:
    return folder / "checks" / f"{name}.json"


def _read(path: Path) -> Finding:
    return Finding.parse_json(read_bytes(path), str(path))
