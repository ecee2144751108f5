"""Jobs in worker processes: order, failures, dead workers."""

import os
import signal
from pathlib import Path

import pytest

from netseams.comparison.pool import Job, JobError, run_jobs
from netseams.core import StorageError, TaskError


def write(path: Path, progress: object) -> None:
    path.write_text("done")


def write_if(path: Path, before: Path, progress: object) -> None:
    assert before.exists(), "ran before what it depends on"
    path.write_text("done")


def fail_task(progress: object) -> None:
    raise TaskError("too few examples")


def fail_disk(progress: object) -> None:
    raise StorageError("no space left")


def fail_unforeseen(progress: object) -> None:
    raise ZeroDivisionError("a defect")


def die(progress: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def quiet(*_: object) -> None:
    return


@pytest.mark.parametrize("n_workers", [1, 2])
def test_jobs_wait_for_what_they_need(tmp_path: Path, n_workers: int):
    jobs = [Job("a", write, (tmp_path / "a",))]
    for before, name in zip("abc", "bcd", strict=True):
        jobs.append(Job(name, write_if, (tmp_path / name, tmp_path / before), (before,)))
    ended: list[str] = []
    run_jobs(jobs, n_workers, 1, lambda name, done, total, word: ended.append(name))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c", "d"]
    assert set(ended) == {"a", "b", "c", "d"}


@pytest.mark.parametrize(("job", "code"), [(fail_task, 2), (fail_disk, 74)])
def test_a_known_failure_is_its_message_and_exit_code(job, code: int):
    with pytest.raises(JobError) as failure:
        run_jobs([Job("x", job, ())], 2, 1, quiet)
    assert failure.value.exit_code == code
    assert "\n" not in str(failure.value)


def test_a_defect_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        run_jobs([Job("x", fail_unforeseen, ())], 2, 1, quiet)


def test_a_dead_worker_is_one_clear_line():
    with pytest.raises(JobError, match="a worker process died"):
        run_jobs([Job("x", die, ())], 2, 1, quiet)
