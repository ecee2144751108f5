"""`netseams claims`: dated claims, the runs that test them, and their verdicts."""

import shlex
from pathlib import Path
from typing import Annotated

import tyro

from netseams.cli.many import n_workers, with_seeds
from netseams.cli.parse import call
from netseams.cli.progress import JobProgress, console
from netseams.core import SettingError, UnknownNameError
from netseams_recipes.experiments import experiment_config

_ACTIONS = ("list", "run", "show")
CLAIMS_FOLDER = Path("runs/claims")


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""

    def claims(
        action: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="ACTION")] = "list",
        ids: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="ID")] = (),
        preset: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None,
        out: Annotated[Path, tyro.conf.arg(metavar="FOLDER")] = CLAIMS_FOLDER,
        workers: Annotated[int | None, tyro.conf.arg(metavar="N")] = None,
        seeds: Annotated[int | None, tyro.conf.arg(metavar="N")] = None,
    ) -> int:
        """List dated claims, run the experiments that test them and judge, or show one.

        `run` takes one claim or more. Experiments that several claims share run once; the same
        command resumes an interrupted one.

        Args:
            action: list, run or show.
            ids: Claims, by id.
            preset: standard, which gives verdicts and is the default, or quick.
            out: Folder for verdicts, pages and experiments.
            workers: Worker processes; one for every core by default.
            seeds: Number of training seeds, in place of the preset's.
        """
        if action not in _ACTIONS:
            raise UnknownNameError("action", action, _ACTIONS)
        if action == "run":
            return _run(ids, preset, out, workers, seeds, arguments)
        if action == "list" and ids:
            raise SettingError(f"list takes no ids: netseams claims show {ids[0]}")
        return _list(out) if action == "list" else _show(ids, out)

    return call(claims, arguments, "claims")


def _list(out: Path) -> int:
    from netseams.claims import read_verdicts
    from netseams.reporting.claims import print_claims

    print_claims(read_verdicts(out), console())
    return 0


def _show(ids: tuple[str, ...], out: Path) -> int:
    from netseams.claims import CLAIMS, read_verdicts
    from netseams.reporting.claims import print_claim

    if len(ids) != 1:
        raise SettingError(f"show takes one id, got {len(ids)}: {', '.join(CLAIMS)}")
    print_claim(ids[0], read_verdicts(out), console())
    return 0


def _run(
    ids: tuple[str, ...], preset: str | None, out: Path,
    workers: int | None, seeds: int | None, arguments: list[str],
) -> int:  # fmt: skip
    from netseams.claims import gather, judge_all, needs, read_verdicts
    from netseams.reporting import write_findings
    from netseams.reporting.claims import print_verdicts, write_claim_page

    wanted = needs(ids, lambda name, p: with_seeds(experiment_config(name, p), seeds), preset)
    read_verdicts(out)  # a damaged file is said before hours of work
    processes, terminal = n_workers(workers, 1), console()
    command = shlex.join(["netseams", "claims", *arguments])
    runs = []
    for need in wanted:
        with JobProgress(terminal) as progress:
            done = gather(
                need, out, n_workers=processes, command=command,
                plan=progress.plan, report=progress.report,
            )  # fmt: skip
        write_findings(done.findings, done.folder)
        runs.append(done)
    found = judge_all(runs, out)
    print_verdicts(found, terminal)
    stored = read_verdicts(out)
    for name in dict.fromkeys(evidence.claim.id for evidence in found):
        stands = stored.stands(name)
        assert stands is not None  # it was judged a moment ago
        terminal.print(f"page: {write_claim_page(stands, out)}", soft_wrap=True)
    return 0
