"""The GPU's kernels, on a machine without one."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not importlib.util.find_spec("triton"), reason="Triton is not installed")
def test_kernels_keep_what_the_cpu_keeps() -> None:
    script = Path(__file__).with_name("interpreted_kernels.py")
    found = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
