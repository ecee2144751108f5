"""Behaviours: clean and corrupt inputs, three splits, computed floors."""

from netseams.tasks.base import Examples, Task, TaskSplit
from netseams.tasks.build import build_task, task_names

__all__ = ["Examples", "Task", "TaskSplit", "build_task", "task_names"]
