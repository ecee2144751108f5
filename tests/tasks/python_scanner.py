"""Reads Python text character by character: what each quote and bracket closes.

Shares nothing with the code under test, which relies on Python's tokenizer.
"""


def closed_by(text: str) -> tuple[dict[int, int], dict[int, int]]:
    """Closing offset -> opening offset, for one-line strings and for brackets of the code."""
    strings: dict[int, int] = {}
    brackets: dict[int, int] = {}
    stack: list[int] = []
    i = 0
    while i < len(text):
        c = text[i]
        if c == "#":
            while i < len(text) and text[i] != "\n":
                i += 1
        elif c in "'\"":
            mark = text[i : i + 3] if text[i : i + 3] == 3 * c else c
            start, i = i, i + len(mark)
            while text[i : i + len(mark)] != mark:
                i += 2 if text[i] == "\\" else 1
            if len(mark) == 1:
                strings[i] = start
            i += len(mark)
        else:
            if c in "([{":
                stack.append(i)
            elif c in ")]}":
                brackets[i] = stack.pop()
            i += 1
    return strings, brackets
