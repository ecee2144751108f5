"""Run the experiments that claims need, each once, and judge.

An experiment's folder is named by its config's digest, so a second claim on it, or a second call,
finds the rows; a killed run goes on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from netseams.claims.claim import CLAIMS, ClaimFile, Counts, Values
from netseams.claims.evidence import (
    Evidence,
    Links,
    content_id,
    file_digest,
    store_verdicts,
)
from netseams.claims.verdict import judge
from netseams.comparison.pool import Report
from netseams.core import FileFormatError, SettingError
from netseams.experiments import (
    EXPERIMENTS,
    ExperimentConfig,
    Findings,
    Row,
    run_experiment,
)
from netseams.experiments.experiment import cells_folder, slug
from netseams.experiments.run import cell_rows
from netseams.store import WorkFolder, provenance, read_jsonl

ConfigOf = Callable[[str, str], ExperimentConfig]
"""(experiment, preset) -> its config; the library itself knows no presets."""


@dataclass(frozen=True)
class Need:
    """One run of an experiment, and the claims that are read off it."""

    experiment: str
    preset: str
    config: ExperimentConfig
    claims: tuple[str, ...]
    as_declared: bool
    """Settings are those that the claims' predictions name, but for the number of seeds."""

    @property
    def name(self) -> str:
        """Of its folder: equal settings, equal name."""
        return f"{self.experiment}-{self.config.digest()}"


@dataclass(frozen=True)
class Finished:
    """An experiment that has run."""

    need: Need
    folder: Path
    findings: Findings
    rows: list[Row]
    n_cells: int


def needs(claims: Sequence[str], config_of: ConfigOf, preset: str | None = None) -> list[Need]:
    """What must be run for some claims, every run once.

    Args:
        preset: of every experiment; None: the one that each prediction names.

    Raises:
        UnknownNameError: no such claim or preset.
        SettingError: no claim, or an experiment that this version does not have.
    """
    if not claims:
        raise SettingError(f"name one claim or more: {', '.join(CLAIMS)}")
    found: dict[tuple[str, bool], Need] = {}
    for claim in dict.fromkeys(claims):
        asked = CLAIMS[claim].claim.prediction
        if asked.experiment not in EXPERIMENTS:
            raise SettingError(
                f"claim {claim} is read off the experiment {asked.experiment!r}, which this "
                f"version does not have: it has {', '.join(EXPERIMENTS)}"
            )
        chosen = preset or asked.preset
        config = config_of(asked.experiment, chosen)
        declared = _but_seeds(config) == _but_seeds(config_of(asked.experiment, asked.preset))
        key = (f"{asked.experiment}-{config.digest()}", declared)
        before = found[key].claims if key in found else ()
        found[key] = Need(asked.experiment, chosen, config, (*before, claim), declared)
    return list(found.values())


def gather(
    need: Need,
    out: Path,
    *,
    n_workers: int = 1,
    command: str = "",
    plan: Callable[[list[str]], None] | None = None,
    report: Report | None = None,
) -> Finished:
    """Run what has not run yet; nothing where all is there.

    Raises:
        NetseamsError: a cell failed, or the folder holds something else or damaged files.
    """
    folder, experiment = out / need.name, EXPERIMENTS[need.experiment]()
    cells = [cell.name for cell in experiment.cells(need.config)]
    if not _complete(folder, need.config, cells):
        run_experiment(
            experiment, need.config, folder,
            n_workers=n_workers, command=command, plan=plan, report=report,
        )  # fmt: skip
    findings = Findings.read(folder / "findings.json")
    return Finished(need, folder, findings, read_jsonl(folder / "rows.jsonl"), len(cells))


def judge_all(runs: Sequence[Finished], out: Path) -> list[Evidence]:
    """Judge every claim that the runs were made for, and store the verdicts.

    Raises:
        FileFormatError: rows that lack what a claim reads, or a damaged verdicts.json.
        StorageError: verdicts.json cannot be written.
    """
    new = [_evidence(run, claim, out) for run in runs for claim in run.need.claims]
    ids = {evidence.id for evidence in new}
    return [e for e in store_verdicts(out, new).verdicts if e.id in ids]


def run_claims(
    claims: Sequence[str], out: Path, config_of: ConfigOf, preset: str | None = None
) -> list[Evidence]:
    """Run and judge in this process; the command line does the same with progress."""
    return judge_all([gather(need, out) for need in needs(claims, config_of, preset)], out)


def _evidence(run: Finished, name: str, out: Path) -> Evidence:
    file, need = CLAIMS[name], run.need
    values, counts = _read(file, run)
    verdict = judge(file.claim.prediction, values, counts, as_declared=need.as_declared)
    rows = run.folder / "rows.jsonl"
    links = Links(
        experiment=need.experiment,
        preset=need.preset,
        config_digest=need.config.digest(),
        primary_metric=run.findings.primary_metric,
        folder=run.folder.relative_to(out).as_posix(),
        rows=rows.relative_to(out).as_posix(),
        rows_digest=file_digest(rows),
        n_rows=len(run.rows),
        n_cells=run.n_cells,
        seeds=need.config.seeds,
        provenance=run.findings.provenance,
    )
    return Evidence(
        id=content_id(file.claim, verdict, links),
        claim=file.claim,
        verdict=verdict,
        links=links,
        judged_with=provenance(1, 1),
    )


def _read(file: ClaimFile, run: Finished) -> tuple[Values, dict[str, Counts]]:
    """Values and counts; a seed of the config of which a condition says nothing stays visible."""
    try:
        values, counts = file.values(run.rows), file.counts(run.rows)
    except (KeyError, TypeError) as error:
        raise FileFormatError(
            f"{run.folder / 'rows.jsonl'} lacks what claim {file.claim.id} reads "
            f"({type(error).__name__}: {error}): made by another version?"
        ) from None
    for seeds in values.values():
        for seed in run.need.config.seeds:
            seeds.setdefault(seed, [])
    return values, counts


def _complete(folder: Path, config: ExperimentConfig, cells: Sequence[str]) -> bool:
    """Every cell has left its file, and rows and findings were written after the last one."""
    files = [cells_folder(folder) / f"{slug(name)}.json" for name in cells]
    last = [folder / "rows.jsonl", folder / "findings.json"]
    if not WorkFolder(folder).check(config) or not all(path.exists() for path in [*files, *last]):
        return False
    n_rows = sum(len(cell_rows(folder, name)) for name in cells)
    return len(read_jsonl(last[0])) == n_rows


def _but_seeds(config: ExperimentConfig) -> ExperimentConfig:
    return config.model_copy(update={"seeds": ()})
