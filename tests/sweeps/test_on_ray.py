"""The same sweep on a Ray cluster of two nodes, of which one is killed."""

import os
import signal
import threading
import time

import pytest
from sweep_plans import thirty

from netseams.core import SettingError
from netseams.sweeps import SweepStore, sweep_local

ray = pytest.importorskip("ray", reason="Ray (extra ray) is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # those of Ray's own code


def weights(store: SweepStore) -> dict[str, bytes]:
    return {
        one.name: (store.folder(one) / "run" / "model.safetensors").read_bytes()
        for one in thirty().points
    }


def test_a_worker_and_a_node_are_killed_and_nothing_is_lost(tmp_path) -> None:
    from ray.cluster_utils import Cluster

    from netseams.sweeps.on_ray import sweep_ray

    alone = SweepStore(tmp_path / "alone")
    sweep_local(thirty(), alone)
    store = SweepStore(tmp_path / "cluster")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    second = cluster.add_node(num_cpus=1)
    try:
        ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
        assert len([node for node in ray.nodes() if node["Alive"]]) == 2
        killed: list[str] = []

        def disturb() -> None:
            while len(list(store.root.rglob("result.json"))) < 3:
                time.sleep(0.05)
            holder = _holder(store)
            if holder is not None:
                os.kill(holder, signal.SIGKILL)
                killed.append("worker")
            while len(list(store.root.rglob("result.json"))) < 10:
                time.sleep(0.05)
            cluster.remove_node(second, allow_graceful=False)
            killed.append("node")

        thread = threading.Thread(target=disturb)
        thread.start()
        ended = sweep_ray(thirty(), store)
        thread.join(60)
        assert killed == ["worker", "node"]
        assert (ended.done, ended.diverged) == (30, 0)
        assert weights(store) == weights(alone)
        again = {p: p.stat().st_mtime_ns for p in store.root.rglob("result.json")}
        sweep_ray(thirty(), store)
        assert again == {p: p.stat().st_mtime_ns for p in store.root.rglob("result.json")}
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_a_cluster_that_is_not_there_is_said(tmp_path) -> None:
    from netseams.sweeps.on_ray import sweep_ray

    with pytest.raises(SettingError, match="no Ray cluster at"):
        sweep_ray(thirty(), SweepStore(tmp_path), address="127.0.0.1:9")


def _holder(store: SweepStore) -> int | None:
    """The process that has a point's lock open and is a worker of Ray."""
    from pathlib import Path

    for folder in Path("/proc").iterdir():
        try:
            links = [os.readlink(fd) for fd in (folder / "fd").iterdir()]
            title = (folder / "cmdline").read_text()
        except (OSError, ValueError):
            continue
        if "ray::" in title and any(x.startswith(str(store.root)) for x in links):
            return int(folder.name)
    return None
