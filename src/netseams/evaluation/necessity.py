"""Necessity: without the circuit, does the task break?"""


def necessity(whole: float, without: float, floor: float) -> float | None:
    """(whole - max(without, floor)) / (whole - floor): 0 nothing lost, 1 all of it.

    All three are accuracies. A network that falls below the floor has lost no more than one
    that falls to it, so the result is at most 1 (arXiv 2301.10884 clips at chance likewise); it
    is negative where the removal helps. None where the whole network is not above the floor, so
    that there is nothing to lose.
    """
    if whole <= floor:
        return None
    return (whole - max(without, floor)) / (whole - floor)
