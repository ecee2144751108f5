"""Behaviours: clean and corrupt inputs, three splits, computed floors."""

from netseams.tasks.base import Examples, Task, TaskSplit, learned_accuracy
from netseams.tasks.binary import binary_task
from netseams.tasks.build import build_task, task_names
from netseams.tasks.floors import (
    blind_floor,
    last_tokens_accuracy,
    phantom_twin,
    shuffled_twin,
)
from netseams.tasks.odd_one_out import (
    ODD_KINDS,
    OddExamples,
    OddKind,
    OddOneOut,
    OddRule,
    odd_accuracy,
    odd_examples,
    odd_loss,
    odd_scores,
    odd_task,
)
from netseams.tasks.odd_rules import ODD_RULES, odd_rule
from netseams.tasks.prompted import load_prompted_task, prompted_task
from netseams.tasks.string_operation import phantom_operation, solver_accuracy
from netseams.tasks.task_file import TaskFile, load_task_file

__all__ = [
    "ODD_KINDS",
    "ODD_RULES",
    "Examples",
    "OddExamples",
    "OddKind",
    "OddOneOut",
    "OddRule",
    "Task",
    "TaskFile",
    "TaskSplit",
    "binary_task",
    "blind_floor",
    "build_task",
    "last_tokens_accuracy",
    "learned_accuracy",
    "load_prompted_task",
    "load_task_file",
    "odd_accuracy",
    "odd_examples",
    "odd_loss",
    "odd_rule",
    "odd_scores",
    "odd_task",
    "phantom_operation",
    "phantom_twin",
    "prompted_task",
    "shuffled_twin",
    "solver_accuracy",
    "task_names",
]
