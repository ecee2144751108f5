"""The README's example is run, word for word."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_python_example_runs_and_the_control_fails(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 1
    assert len(blocks[0].strip().splitlines()) <= 20
    done = subprocess.run(
        [sys.executable, "-c", blocks[0]], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    trained, control = done.stdout.strip().splitlines()
    nodes, edges = trained.split()[:2]
    assert 0 < int(nodes) < 2944
    assert int(edges) > 0
    assert control == "no circuit of any size reaches 0.15 nats"


def test_the_two_commands_are_the_only_ones_before_the_picture():
    head = README.read_text(encoding="utf-8").split("![")[0]
    assert re.findall(r"^make \w+$", head, re.MULTILINE) == ["make compare", "make test"]


def test_import_is_quick_beyond_torch():
    """Counts modules, not seconds: nothing heavy is imported before it is used."""
    code = "import sys, netseams; print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"]


def test_every_public_name_exists():
    import netseams

    for name in netseams.__all__:
        assert getattr(netseams, name) is not None
    assert sorted(netseams._HOME) == sorted(netseams.__all__)
