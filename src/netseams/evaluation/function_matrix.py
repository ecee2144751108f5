"""Function-by-circuit matrices: the circuit of the row, the task of the column.

`removal_matrix` asks what is lost without the circuit, `sufficiency_matrix` what is there with it
alone. Rows may be whole circuits, their exclusive parts, the core that they share, or random
masks; only rows that bear a task's name have a diagonal.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from torch import Tensor

from netseams.circuits import Circuit
from netseams.core import Config, SettingError
from netseams.evaluation.necessity import necessity
from netseams.evaluation.specificity import removal_scores
from netseams.evaluation.statistics import mean
from netseams.evaluation.sufficiency import sufficiency
from netseams.interventions import AblationKind
from netseams.models import Network
from netseams.tasks import Task

Accuracy = Callable[[Circuit, Task], float]
"""How a circuit, or what is left without it, is run and scored on a task's report split."""
Cells = Mapping[tuple[str, str], float | None]
"""(row, column) -> value; None where there is none."""


class FunctionMatrix(Config):
    """One number for every row (a circuit) and column (a task); None where nothing can be said."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]

    @classmethod
    def of(cls, rows: Sequence[str], columns: Sequence[str], cells: Cells) -> "FunctionMatrix":
        """The matrix of some cells; those that are missing are None."""
        values = tuple(tuple(cells.get((row, column)) for column in columns) for row in rows)
        return cls(rows=tuple(rows), columns=tuple(columns), values=values)

    def cells(self) -> dict[tuple[str, str], float]:
        """(row, column) -> value, where there is one."""
        return {
            (row, column): value
            for row, line in zip(self.rows, self.values, strict=True)
            for column, value in zip(self.columns, line, strict=True)
            if value is not None
        }

    @property
    def diagonal_mean(self) -> float | None:
        """Mean effect of circuits on their own tasks."""
        return mean([value for (row, column), value in self.cells().items() if row == column])

    @property
    def off_diagonal_mean(self) -> float | None:
        """Mean effect of circuits on the tasks of others."""
        return mean([value for (row, column), value in self.cells().items() if row != column])

    def specificity(self) -> dict[str, float]:
        """Spec_k = A_kk - mean of A_kj over the other tasks j, of every row that has both.

        arXiv 2301.10884 compares two functions in this way, after clipping at chance. It is 1
        where only the own task is lost, 0 where all tasks suffer alike.
        """
        cells, found = self.cells(), {}
        for row in self.rows:
            other = mean([v for (r, column), v in cells.items() if r == row != column])
            if (row, row) in cells and other is not None:
                found[row] = cells[row, row] - other
        return found

    def diagonality(self) -> float | None:
        """tr(A) / sum(A), with gains counted as no loss: 1 for a diagonal matrix.

        Only tasks with a row and a column count. Circuits dealt out to tasks at random have 1/n for
        n tasks. It says nothing of how much is lost: read it beside `diagonal_mean`. None for
        fewer than two tasks, or where nothing is lost anywhere.
        """
        both = set(self.rows) & set(self.columns)
        if len(both) < 2:
            return None
        kept = {key: max(0.0, v) for key, v in self.cells().items() if both >= set(key)}
        total = math.fsum(kept.values())
        own = math.fsum(value for (row, column), value in kept.items() if row == column)
        return own / total if total > 0 else None


def accuracies(
    circuits: Mapping[str, Circuit], tasks: Sequence[Task], run: Accuracy
) -> dict[tuple[str, str], float]:
    """Every circuit on every task: (row, task) -> accuracy."""
    return {(row, t.name): run(circuit, t) for row, circuit in circuits.items() for t in tasks}


def accuracy_without(
    model: Network, ablation: AblationKind, means: Mapping[str, Tensor]
) -> Accuracy:
    """Accuracy of a model without the nodes of a circuit."""
    return lambda c, task: removal_scores(c, model, [task], ablation, means)[0].accuracy


def accuracy_alone(model: Network, ablation: AblationKind, means: Mapping[str, Tensor]) -> Accuracy:
    """Accuracy of the nodes of a circuit alone."""
    return lambda circuit, task: sufficiency(circuit, model, task, ablation, means).accuracy


def removal_matrix(
    whole: Mapping[str, float],
    without: Mapping[tuple[str, str], float],
    floors: Mapping[str, float],
) -> FunctionMatrix:
    """A_kj: share of what task j has above its floor that is lost without circuit k.

    Args:
        whole: task -> accuracy of the whole network.
        without: (circuit, task) -> accuracy without the circuit.
        floors: task -> what can be had without the behaviour (`Task.floor_accuracy`).

    Raises:
        SettingError: a task without an accuracy of the whole network, or without a floor.
    """
    _covered({task for _, task in without}, whole, floors)
    cells = {
        (row, task): necessity(whole[task], accuracy, floors[task])
        for (row, task), accuracy in without.items()
    }
    return FunctionMatrix.of(*_names(without), cells)


def sufficiency_matrix(
    whole: Mapping[str, float],
    alone: Mapping[tuple[str, str], float],
    floors: Mapping[str, float],
    solvers: Mapping[tuple[str, str], float] | None = None,
) -> FunctionMatrix:
    """S_kj: share of what task j has above its floor that circuit k alone has.

    The floor of a circuit on another's task is not chance: where two functions agree by nature,
    one that does k and nothing else gets part of j right. It counts as nothing here.

    Args:
        whole: task -> accuracy of the whole network.
        alone: (circuit, task) -> accuracy of the circuit alone.
        floors: task -> accuracy without the behaviour.
        solvers: (k, j) -> accuracy on j of a pure solver of k, such as
            `tasks.solver_accuracy`; a pair that is missing has the floor of j.

    Raises:
        SettingError: a task without an accuracy of the whole network, or without a floor.
    """
    _covered({task for _, task in alone}, whole, floors)
    cells: dict[tuple[str, str], float | None] = {}
    for (row, task), accuracy in alone.items():
        agrees = 0.0 if row == task else (solvers or {}).get((row, task), 0.0)
        lost = necessity(whole[task], accuracy, max(floors[task], agrees))
        cells[row, task] = None if lost is None else 1 - lost
    return FunctionMatrix.of(*_names(alone), cells)


def lift_matrix(matrix: FunctionMatrix, random: Sequence[FunctionMatrix]) -> FunctionMatrix:
    """The matrix minus the mean of those of random masks of equal size per tensor, by cell.

    Removing a third of a network breaks most things, whichever third it is: what random removal
    loses too says nothing about the circuit.

    Raises:
        SettingError: no random matrix.
    """
    if not random:
        raise SettingError("a lift needs at least one matrix of random masks, got none")
    chance = [other.cells() for other in random]
    cells: dict[tuple[str, str], float | None] = {}
    for key, value in matrix.cells().items():
        expected = mean([other[key] for other in chance if key in other])
        cells[key] = None if expected is None else value - expected
    return FunctionMatrix.of(matrix.rows, matrix.columns, cells)


def _covered(tasks: set[str], *tables: Mapping[str, float]) -> None:
    for task in sorted(tasks):
        if any(task not in table for table in tables):
            raise SettingError(
                f"task {task} needs an accuracy of the whole network and a floor, one is missing"
            )


def _names(cells: Mapping[tuple[str, str], float]) -> tuple[list[str], list[str]]:
    """Rows and columns in order of first appearance."""
    rows, columns = (list(dict.fromkeys(key[i] for key in cells)) for i in (0, 1))
    return rows, columns
