"""Ctrl-C and kill -9 on the whole command: nothing is lost, the same command ends the same."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netseams.comparison import Comparison

COMMAND = [
    sys.executable, "-c", "from netseams.cli.main import main; main()",
    "compare", "--preset", "smoke", "--workers", "2",
]  # fmt: skip


def start(out: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "--out", str(out)],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def wait_for(pattern: str, out: Path, child: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 180
    while not list(out.glob(pattern)):
        assert child.poll() is None, "ended before it could be interrupted"
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    child = start(out)
    _, errors = child.communicate(timeout=300)
    assert child.returncode == 0, errors
    assert (out / "report.html").stat().st_size > 10_000
    return Comparison.read(out / "comparison.json")


@pytest.mark.parametrize(
    "how", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGKILL]
)
def test_interrupted_comparison_goes_on(how: int, undisturbed: Comparison, tmp_path: Path):
    out = tmp_path / "out"
    child = start(out)
    wait_for("circuits/*/*/*/search.json", out, child)
    if how == signal.SIGINT:
        os.killpg(child.pid, how)  # as a terminal does: every process of the group gets it
    else:
        os.kill(child.pid, how)
    _, errors = child.communicate(timeout=60)
    if how == signal.SIGINT:
        assert child.returncode == 130
        assert errors.startswith("netseams: interrupted")
        assert errors.count("\n") == 1
    assert not (out / "comparison.json").exists()
    finished = {p: p.stat().st_mtime_ns for p in out.rglob("search.json")}
    again = start(out)
    _, errors = again.communicate(timeout=300)
    assert again.returncode == 0, errors
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in finished.items())
    changing = {"cost", "provenance", "command", "searches", "networks"}
    result = Comparison.read(out / "comparison.json")
    assert result.model_dump(exclude=changing) == undisturbed.model_dump(exclude=changing)
