"""A sweep on a Ray cluster whose nodes share the store: a task a point, and Ray does the rest.

The store's claims hold here too, so that a cluster and local drivers may work on one plan.
"""

import socket
import time
from typing import Any

from netseams.comparison.pool import JobError
from netseams.core import NetseamsError, SettingError
from netseams.sweeps.local import Outcome, outcome
from netseams.sweeps.plan import Plan, Point, check_plan
from netseams.sweeps.store import SweepStore
from netseams.sweeps.worker import POLL, Report, run_point

_KNOCK = 10.0
"""Seconds in which a cluster's head must answer."""


def sweep_ray(
    plan: Plan,
    store: SweepStore,
    *,
    address: str | None = None,
    threads: int = 1,
    report: Report | None = None,
) -> Outcome:
    """Run what no one has run, on all nodes; goes on where an earlier call stopped.

    A task whose worker or node dies is given to another, which goes on from the checkpoint.

    Args:
        address: of the cluster; None: $RAY_ADDRESS, or a new one on this machine.
        threads: of every task, and the processors that it asks for.

    Raises:
        SettingError: the plan is refused, Ray is not installed, or the cluster cannot be reached.
        JobError: a point cannot be run.
    """
    check_plan(plan)
    ray, report = _ray(), report or (lambda *_: None)
    ours = not ray.is_initialized()
    if ours:
        _reach(address)
        try:
            ray.init(address=address, log_to_driver=False, logging_level="error")
        except (ConnectionError, ValueError) as error:
            first = str(error).splitlines()[0]
            raise SettingError(f"no Ray cluster at {address or '$RAY_ADDRESS'}: {first}") from None
    task = ray.remote(max_retries=-1, num_cpus=threads)(_run)
    waiting = [point for point in plan.points if store.state(point) == "waiting"]
    running: dict[Any, Point] = {task.remote(p, store, threads): p for p in waiting}
    try:
        while running:
            ended, _ = ray.wait(list(running), timeout=POLL)
            for one in ended:
                point = running.pop(one)
                failure = ray.get(one)
                if failure is not None:
                    raise JobError(*failure)
                report(point.name, 1, 1, "")
    finally:
        for one in running:
            ray.cancel(one, force=True)
        if ours:
            ray.shutdown()
    return outcome(plan, store)


def _run(point: Point, store: SweepStore, threads: int) -> tuple[str, int] | None:
    """One point, in a worker of the cluster; a known error comes back as message and exit code."""
    import torch

    torch.set_num_threads(threads)
    try:
        while store.state(point) == "waiting":
            with store.claim(point) as mine:
                if mine and store.state(point) == "waiting":
                    run_point(point, store, lambda *_: None)
            time.sleep(0 if mine else POLL)
    except NetseamsError as error:
        return str(error), error.exit_code
    return None


def _reach(address: str | None) -> None:
    """Knock first: Ray itself tries an address without anyone there for many minutes.

    Raises:
        SettingError: no one answers at a HOST:PORT.
    """
    host, _, port = (address or "").rpartition(":")
    if not (host and port.isdigit() and "/" not in host):
        return  # none, a name such as auto, or another protocol: Ray's to understand
    try:
        socket.create_connection((host, int(port)), timeout=_KNOCK).close()
    except (OSError, OverflowError) as error:
        raise SettingError(f"no Ray cluster at {address}: {error}") from None


def _ray() -> Any:
    """Ray, which is an extra.

    Raises:
        SettingError: it is not installed.
    """
    try:
        import ray  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise SettingError(
            "Ray is not installed: pip install 'netseams[ray]', or use --on local"
        ) from None
    return ray
