"""Necessity: without the circuit, does the task break?"""


def necessity(whole: float, without: float, floor: float) -> float | None:
    """(whole - without) / (whole - floor): 0 nothing lost, 1 down to the floor.

    All three are accuracies. None where the whole network is not above the floor, so that
    there is nothing to lose.
    """
    if whole <= floor:
        return None
    return (whole - without) / (whole - floor)
