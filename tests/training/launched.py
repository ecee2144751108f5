"""Start local processes as `torchrun` does, without its agent, so that a test sees each of them."""

import os
import subprocess
import sys
import time

import torch.distributed as dist


class Launched:
    """`size` processes of one command; their store lives here, on a port that was free."""

    def __init__(self, size: int, *command: str) -> None:
        self.store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        shared = os.environ | {
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(self.store.port),
            "TORCHELASTIC_RUN_ID": "test",
            "TORCHELASTIC_USE_AGENT_STORE": "True",
            "WORLD_SIZE": str(size),
            "OMP_NUM_THREADS": "1",
            "CUDA_VISIBLE_DEVICES": "",  # cores of their own, no GPU each
        }
        self.processes = [
            subprocess.Popen(
                [sys.executable, *command],
                env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(size)
        ]

    def ends(self, within: float) -> list[tuple[int, str]]:
        """Exit code and what was said on stderr, in rank order; none is left running."""
        deadline = time.monotonic() + within
        try:
            said = [
                process.communicate(timeout=max(0.1, deadline - time.monotonic()))[1]
                for process in self.processes
            ]
        finally:
            for process in self.processes:
                process.kill()
                process.wait()
        return [
            (process.returncode, text) for process, text in zip(self.processes, said, strict=True)
        ]
