"""Behaviours: clean and corrupt inputs, three splits, computed floors."""

from netseams.tasks.base import Examples, Task, TaskSplit
from netseams.tasks.binary import binary_task
from netseams.tasks.build import build_task, task_names
from netseams.tasks.floors import blind_floor, last_tokens_accuracy, shuffled_twin
from netseams.tasks.prompted import load_prompted_task, prompted_task
from netseams.tasks.task_file import TaskFile, load_task_file

__all__ = [
    "Examples",
    "Task",
    "TaskFile",
    "TaskSplit",
    "binary_task",
    "blind_floor",
    "build_task",
    "last_tokens_accuracy",
    "load_prompted_task",
    "load_task_file",
    "prompted_task",
    "shuffled_twin",
    "task_names",
]
