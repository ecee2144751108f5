"""Sweeps that are disturbed end as sweeps that are not: nothing lost, nothing run twice."""

import contextlib
import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sweep_plans import point, thirty

from netseams.cli.main import run
from netseams.core import DivergedError, StorageError
from netseams.sweeps import Plan, SweepStore, sweep_local
from netseams.sweeps import work as working
from netseams.training import train

COMMAND = [sys.executable, "-c", "from netseams.cli.main import main; main()", "sweep"]


def contents(store: SweepStore, plan: Plan) -> dict[str, tuple]:
    """Of every point what does not depend on time: weights, rows, result."""
    found: dict[str, tuple] = {}
    for one in plan.points:
        folder = store.folder(one)
        result = store.result(one).model_dump(exclude={"seconds"})
        found[one.name] = (
            (folder / "run" / "model.safetensors").read_bytes(), result,
            (folder / "search-trained-reverse.json").read_text(),
            (folder / "search-untrained-reverse.json").read_text(),
        )  # fmt: skip
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, tuple]:
    store = SweepStore(tmp_path_factory.mktemp("undisturbed"))
    ended = sweep_local(thirty(), store)
    assert (ended.done, ended.diverged) == (30, 0)
    return contents(store, thirty())


def finished(store: SweepStore) -> dict[Path, int]:
    """Results and when they were written: one that was written again would show."""
    return {p: p.stat().st_mtime_ns for p in store.root.rglob("result.json")}


def start(plan: Path, out: Path) -> subprocess.Popen[str]:
    # A shell that runs this in the background would have Ctrl-C ignored.
    return subprocess.Popen(
        [*COMMAND, str(plan), "--out", str(out), "--workers", "2"],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def wait_for(n: int, store: SweepStore, child: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 180
    while len(finished(store)) < n:
        assert child.poll() is None, "ended before it could be disturbed"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def workers_of(child: subprocess.Popen[str]) -> list[int]:
    """Processes that the driver has spawned to work."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            line = (folder / "cmdline").read_text()
            if int(fields[1]) == child.pid and "spawn_main" in line:
                found.append(int(folder.name))
    return found


def test_interrupted_three_times_it_ends_the_same(undisturbed, tmp_path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(thirty().model_dump_json())
    store = SweepStore(tmp_path / "store")
    seen: dict[Path, int] = {}
    child = start(plan, store.root)
    wait_for(4, store, child)
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: every process of the group gets it
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 130, errors
    assert errors.startswith("netseams: interrupted")
    assert errors.count("\n") == 1
    seen |= finished(store)
    child = start(plan, store.root)
    wait_for(len(seen) + 4, store, child)
    os.kill(workers_of(child)[0], signal.SIGKILL)
    wait_for(len(seen) + 10, store, child)
    seen |= finished(store)
    workers = workers_of(child)
    assert len(workers) == 2  # the dead one was replaced
    child.kill()
    child.communicate(timeout=60)
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}/cmdline").exists() for pid in workers):  # none stays behind
        assert time.monotonic() < deadline
        time.sleep(0.1)
    seen |= finished(store)
    child = start(plan, store.root)
    out, errors = child.communicate(timeout=300)
    assert child.returncode == 0, errors
    assert "30 of 30 points done" in out
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in seen.items())
    assert contents(store, thirty()) == undisturbed


def _drive(out: str) -> None:
    working(thirty(), SweepStore(Path(out)), lambda *_: None)


def test_two_drivers_at_once_run_nothing_twice(undisturbed, tmp_path) -> None:
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_drive, args=(str(tmp_path),)) for _ in range(2)]
    for driver in both:
        driver.start()
    for driver in both:
        driver.join(300)
        assert driver.exitcode == 0
    store = SweepStore(tmp_path)
    assert contents(store, thirty()) == undisturbed
    # A run's metrics have one line for every step that was logged: none was trained twice.
    for one in thirty().points:
        lines = (store.folder(one) / "run" / "metrics.jsonl").read_text().splitlines()
        steps = [json.loads(line)["step"] for line in lines]
        assert steps == sorted(set(steps))


def test_a_claim_is_held_by_one_and_ends_with_its_holder(tmp_path) -> None:
    store, one = SweepStore(tmp_path), point(0)
    code = (
        "import sys, time; from pathlib import Path\n"
        "sys.path.insert(0, sys.argv[2])\n"
        "from sweep_plans import point; from netseams.sweeps import SweepStore\n"
        "with SweepStore(Path(sys.argv[1])).claim(point(0)) as mine:\n"
        "    print(mine, flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent)],
        text=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    with store.claim(one) as mine:
        assert not mine
    with store.claim(point(1)) as mine:
        assert mine
    holder.kill()
    holder.communicate()
    with store.claim(one) as mine:
        assert mine


def test_a_point_that_diverges_is_marked_and_the_others_go_on(tmp_path, monkeypatch) -> None:
    plan = Plan(name="three", points=(point(0), point(1), point(2)))

    def diverging(config, folder, progress):
        if config.seed == 1:
            raise DivergedError("loss became nan at step 3 (seed 1): lower train.lr")
        return train(config, folder, progress)

    monkeypatch.setattr("netseams.sweeps.worker.train", diverging)
    store = SweepStore(tmp_path)
    ended = sweep_local(plan, store)
    assert (ended.done, ended.diverged) == (2, 1)
    found = store.divergence(plan.points[1])
    assert (found.name, found.seed) == ("dense 1", 1)
    monkeypatch.undo()
    again = sweep_local(plan, store)  # it is not tried again
    assert (again.done, again.diverged) == (2, 1)


def test_the_command_names_what_diverged_and_ends_with_three(tmp_path, capsys) -> None:
    wild = point(5, searched=False)
    rate = wild.run.train.model_copy(update={"lr": 1e30, "gradient": "none"})
    wild = wild.model_copy(
        update={"name": "wild", "run": wild.run.model_copy(update={"train": rate})}
    )
    path = tmp_path / "plan.json"
    plan = Plan(name="two", points=(wild, point(0, searched=False)))
    path.write_text(plan.model_dump_json())
    assert run(["sweep", str(path), "--out", str(tmp_path / "out"), "--workers", "1"]) == 3
    said = capsys.readouterr()
    assert "1 of 2 points done" in said.out
    assert said.err.count("\n") == 1
    assert "wild (seed 5)" in said.err


def test_bad_plans_and_places_get_one_line(tmp_path, capsys, monkeypatch) -> None:
    assert run(["sweep", "frontear"]) == 2
    assert "did you mean 'frontier'" in capsys.readouterr().err
    assert run(["sweep", str(tmp_path / "none.json")]) == 2
    (tmp_path / "file").write_text("")
    assert run(["sweep", "frontier-smoke", "--out", str(tmp_path / "file"), "--workers", "1"]) == 74
    said = capsys.readouterr().err
    assert said.count("\n") == 2
    store = SweepStore(tmp_path / "full")

    def full(*_: object) -> None:
        raise StorageError("no space left to write x: free some and run the same command again")

    monkeypatch.setattr("netseams.sweeps.worker.train", full)
    with pytest.raises(StorageError, match="no space left"):
        sweep_local(Plan(name="one", points=(point(0),)), store)
    monkeypatch.undo()
    assert sweep_local(Plan(name="one", points=(point(0),)), store).done == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write all")
def test_a_store_that_may_not_be_written_is_said(tmp_path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    with pytest.raises(StorageError):
        sweep_local(Plan(name="one", points=(point(0),)), SweepStore(tmp_path))
