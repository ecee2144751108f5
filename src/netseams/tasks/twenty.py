"""The twenty tasks of arXiv 2511.13653 (Table 1): what each asks, and where its places are."""

from dataclasses import dataclass

from netseams.core import TaskError
from netseams.corpora import DocumentCorpus, TinyPython
from netseams.tasks import calls, headers, literals, variables
from netseams.tasks.base import Task
from netseams.tasks.cutting import cut_task
from netseams.tasks.places import Finder


@dataclass(frozen=True)
class PaperTask:
    """A task of the paper: pairs that differ in one place, cut from Python source."""

    question: str
    find: Finder
    hint: str
    """Regular expression without which a document is not read, to save time."""
    answers_vary: bool = False
    """The answers are names, not two fixed tokens."""
    only_generated: str = ""
    """Why the task cannot be cut from real code; empty where it can."""

    def build(self, name: str, corpus: DocumentCorpus, n_ctx: int) -> Task:
        """Cut the task.

        Raises:
            TaskError: too few places in the corpus, or none that real code could have.
        """
        if self.only_generated and not isinstance(corpus, TinyPython):
            raise TaskError(
                f"task {name} needs the corpus tiny_python, not {corpus.name}: "
                f"{self.only_generated}"
            )
        return cut_task(name, self.question, corpus, n_ctx, self.find, self.hint, self.answers_vary)


TWENTY: dict[str, PaperTask] = {
    "single_double_quote": PaperTask(
        "which quote closes the only argument of a call, ' or \"?",
        literals.quotes,
        r"\((['\"])[^'\"]+\1\)",
    ),
    "bracket_counting": PaperTask(
        "does a second ] follow the one that closes the last elements?",
        literals.list_depth,
        r"\]\n",
    ),
    "set_or_string": PaperTask(
        "does a variable grow by .add or by +=, set() or a string?",
        variables.set_or_string,
        r"set\(\)|= (\"\"|'')",
    ),
    "set_or_string_fixedvarname": PaperTask(
        "the same for a variable called current",
        variables.set_or_string_fixed,
        "current = ",
        only_generated="real code seldom gives every such variable one name",
    ),
    "class_init": PaperTask(
        "which argument does self.x store in a long __init__?",
        variables.stored_arguments,
        "__init__",
        answers_vary=True,
    ),
    "final_kwarg": PaperTask(
        "does the last parameter have a default, =None, or end the list?",
        calls.last_default,
        "def ",
    ),
    "with_as": PaperTask(
        "as behind open(...) in a with statement, or the end of the line?",
        calls.with_or_assignment,
        r"open\(",
    ),
    "with_open": PaperTask(
        "is the file opened with 'r' or with 'w', by its name?",
        calls.read_or_write,
        r"open\(",
        only_generated="there the name of a file does not decide how it is opened",
    ),
    "bracket_brace": PaperTask(
        "a colon or a comma behind the first element, dict or list?",
        literals.dict_or_list,
        r"[\[{]",
    ),
    "for_while": PaperTask("in or a colon, for or while?", headers.for_or_while, "for |while "),
    "else_elif": PaperTask(
        "a colon or the variable of the condition, else or elif?",
        headers.else_or_elif,
        "else:|elif ",
        answers_vary=True,
    ),
    "if_ternary": PaperTask(
        "a colon or else behind the condition, statement or ternary?", headers.if_or_ternary, "if "
    ),
    "if_equals": PaperTask("== or =, condition or assignment?", headers.if_or_assignment, "="),
    "var_if": PaperTask(
        "a colon or the end of the line, x == True or x = True?",
        headers.truth_asked_or_set,
        "= (True|False)",
    ),
    "var_swap": PaperTask(
        "which name completes x, y = y,?", variables.swaps, r"\w, \w+ = ", answers_vary=True
    ),
    "indent_for": PaperTask("how deep is the line behind a for line?", headers.indentation, "for "),
    "while_return_true": PaperTask(
        "a colon or the end of the line, while True or return True?",
        headers.while_or_return,
        "(while|return) True",
    ),
    "lambda_func": PaperTask("a colon or (, lambda or def?", headers.lambda_or_def, "lambda|def "),
    "enumerate_range": PaperTask(
        "enumerate or range, two loop variables or one?",
        headers.counted_loops,
        r"in (range|enumerate)\(",
    ),
    "fstring_brace": PaperTask(
        "a variable or the end behind a label, f-string or plain?",
        literals.formatted,
        r"[:=](['\"]\)|\{)",
    ),
}
