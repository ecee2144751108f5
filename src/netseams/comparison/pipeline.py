"""`compare`: jobs in, files out, one result."""

import time
from collections.abc import Callable
from pathlib import Path

from netseams.comparison.adopt import adopt_runs
from netseams.comparison.config import CompareConfig, Setting
from netseams.comparison.jobs import search_job, train_job
from netseams.comparison.measure import measure_job
from netseams.comparison.pool import Job, Report, run_jobs
from netseams.comparison.result import Comparison, TaskFacts
from netseams.comparison.summary import summarize
from netseams.core import Device, SettingError, TaskError, device_named
from netseams.corpora import Arithmetic, Corpus, StringOps, load_corpus
from netseams.store import WorkFolder, append_line, provenance, read_jsonl, write_text
from netseams.tasks import build_task, task_names


def compare(
    config: CompareConfig,
    out: Path,
    *,
    n_workers: int = 1,
    threads: int = 1,
    device: Device = "cpu",
    command: str = "",
    models: Path | None = None,
    plan: Callable[[list[str]], None] | None = None,
    report: Report | None = None,
) -> Comparison:
    """Train all arms, search all networks and their controls, measure, summarise.

    Every stage leaves files in `out`; a second call with the same config goes on where the
    first one stopped, and ends with the same numbers.

    Args:
        n_workers: processes; with more than one, call this below `if __name__ == "__main__":`.
        threads: torch threads of every process.
        device: where networks are trained and run; the results are the same up to rounding.
        command: what was typed, for the record.
        models: a folder of packed runs to take the networks from, in place of training them.
        plan: called once with the names of all jobs.
        report: called while jobs run.

    Raises:
        NetseamsError: a corpus, a setting or the folder is unusable; a job failed.
    """
    device_named(device)
    started = time.perf_counter()
    folder = WorkFolder(out)
    folder.check(config)
    tasks = [fact for setting in config.settings for fact in _cut_tasks(setting)]
    folder.claim(config)  # only now: a corpus that cannot be used leaves no folder behind
    sessions = folder / "sessions.jsonl"
    if models is not None:
        adopt_runs(config, models, out)
    try:
        jobs = plan_jobs(config, out, tasks, device)
        if plan is not None:
            plan([job.name for job in jobs])
        run_jobs(jobs, n_workers, threads, report or (lambda *_: None))
    finally:
        append_line(sessions, {"seconds": time.perf_counter() - started})
    wall = sum(row["seconds"] for row in read_jsonl(sessions))
    made_with = provenance(threads, n_workers, device)
    comparison = summarize(config, out, tasks, command, made_with, wall)
    write_text(out / "comparison.json", comparison.model_dump_json(indent=1))
    return comparison


def plan_jobs(
    config: CompareConfig, out: Path, tasks: list[TaskFacts], device: Device = "cpu"
) -> list[Job]:
    """Every job of a comparison, each after those whose files it reads.

    Arms with equal runs share them: each is trained, searched and measured once.
    """
    trainings: list[Job] = []
    searches: list[Job] = []
    measures: list[Job] = []
    planned: set[str] = set()
    for seed in config.seeds:
        for setting in config.settings:
            corpus = setting.corpus.kind
            names = tuple(t.name for t in tasks if t.corpus == corpus and t.missing is None)
            for arm in setting.arm_names:
                run = setting.run(arm, seed)
                if run.digest() in planned:
                    continue
                planned.add(run.digest())
                train_name = f"train {corpus} {arm} seed {seed}"
                trainings.append(Job(train_name, train_job, (out, run, device)))
                here: list[str] = []
                for network in setting.networks:
                    for name in names:
                        job = f"search {corpus} {arm} seed {seed} {network} {name}"
                        arguments = (out, setting, run, network, name, device)
                        searches.append(Job(job, search_job, arguments, (train_name,)))
                        if network == "trained":
                            here.append(job)
                measures.append(
                    Job(
                        f"measure {corpus} {arm} seed {seed}",
                        measure_job,
                        (out, setting, run, names, config.random_masks, device),
                        (train_name, *here),
                    )
                )
    return [*trainings, *searches, *measures]


def _cut_tasks(setting: Setting) -> list[TaskFacts]:
    """Facts of every task of a corpus, those included that it is too small for.

    Raises:
        TaskError: it is too small for all of them.
        SettingError: the model's vocabulary or context is not the corpus's.
    """
    corpus = load_corpus(setting.corpus)
    _check_shape(corpus, setting)
    facts: list[TaskFacts] = []
    for name in setting.tasks or task_names(corpus):
        try:
            task = build_task(name, corpus, setting.model.n_ctx)
        except TaskError as error:
            facts.append(
                TaskFacts(corpus=corpus.name, name=name, question="", floor_accuracy=0.0,
                          floor_loss=0.0, missing=str(error))
            )  # fmt: skip
            continue
        facts.append(
            TaskFacts(corpus=corpus.name, name=name, question=task.question,
                      floor_accuracy=task.floor_accuracy, floor_loss=task.floor_loss)
        )  # fmt: skip
    if all(fact.missing for fact in facts):
        raise TaskError(f"no task can be cut from this corpus: {facts[0].missing}")
    return facts


def _check_shape(corpus: Corpus, setting: Setting) -> None:
    if setting.model.d_vocab != corpus.d_vocab:
        raise SettingError(
            f"model.d_vocab is {setting.model.d_vocab}, corpus {corpus.name} has {corpus.d_vocab}"
        )
    if isinstance(corpus, StringOps | Arithmetic) and setting.model.n_ctx != corpus.n_positions:
        raise SettingError(
            f"model.n_ctx is {setting.model.n_ctx}, rows of {corpus.name} have "
            f"{corpus.n_positions} positions: use that"
        )
