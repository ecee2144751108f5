"""What must come next, found by completing and parsing the last line of a prompt.

Shares nothing with the code under test, which looks for places in whole documents.
"""

import ast
import re

READ = {"input.txt", "source.csv", "config.json", "words.txt"}


def parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def first(text: str) -> ast.stmt:
    return ast.parse(text).body[0]


def single_double_quote(text: str, line: str) -> str:
    (right,) = (mark for mark in "'\"" if parses(f"{line}{mark})"))
    return right


def bracket_counting(text: str, line: str) -> str:
    assert parses(line) != parses(line + "]")
    return "\n" if parses(line) else "]"


def set_or_string(text: str, line: str) -> str:
    starts = re.findall(rf"^ *{line} = (set\(\)|\"\"|'')$", text, re.M)
    return "." if hasattr(ast.literal_eval(starts[-1].replace("set()", "{1}")), "add") else " +="


def class_init(text: str, line: str) -> str:
    return " " + re.fullmatch(r"self\.(\w+) =", line)[1]


def final_kwarg(text: str, line: str) -> str:
    assert parses(line + "=None): pass")
    return ")" if parses(line + "): pass") else "="


def with_as(text: str, line: str) -> str:
    assert parses(line) != parses(line + " as f: pass")
    return "\n" if parses(line) else " as"


def with_open(text: str, line: str) -> str:
    return "r" if re.search(r"open\(['\"]([^'\"]+)", line)[1] in READ else "w"


def bracket_brace(text: str, line: str) -> str:
    outer = ("", "]", "]]", ")")  # the literal may stand in another one
    is_dict, is_list = (any(parses(line + rest + o) for o in outer) for rest in (": 1}", ", 1]"))
    assert is_dict != is_list
    return ":" if is_dict else ","


def for_while(text: str, line: str) -> str:
    if not parses(line + ": pass"):
        assert isinstance(first(line + " in y: pass"), ast.For)
        return " in"
    assert isinstance(first(line + ": pass"), ast.While)
    return ":"


def else_elif(text: str, line: str) -> str:
    if parses(f"if x: pass\n{line}: pass"):
        return ":"
    assert parses(f"if x: pass\n{line} y: pass")
    *_, asked = re.findall(r"^ *(?:if|elif) (\w+) == \d:$", text, re.M)
    return " " + asked


def if_ternary(text: str, line: str) -> str:
    assert parses(line + ": pass") != parses(line + " else 0")
    return ":" if parses(line + ": pass") else " else"


def if_equals(text: str, line: str) -> str:
    assert parses(line + " == 1: pass") != parses(line + " = 1")
    return " =" if parses(line + " = 1") else " =="


def var_if(text: str, line: str) -> str:
    assert parses(line) != parses(line + ": pass")
    return "\n" if parses(line) else ":"


def var_swap(text: str, line: str) -> str:
    targets, values = ({*re.findall(r"\w+", side)} for side in line.split("="))
    (target,) = targets - values
    return " " + target


def indent_for(text: str, line: str) -> str:
    last = text.rsplit("\n", 1)[1]
    depth = len(last) - len(last.lstrip()) + 4
    assert parses(f"{line}\n    pass")
    return "\n" + " " * (depth - 1)


def while_return_true(text: str, line: str) -> str:
    inside = "def f():\n " + line
    assert parses(inside) != parses(inside + ": pass")
    return "\n" if parses(inside) else ":"


def lambda_func(text: str, line: str) -> str:
    if parses(line + "(): pass"):
        return "("
    assert parses(line + ": 0") or parses(line + ": 0)")
    return ":"


def enumerate_range(text: str, line: str) -> str:
    target = first(line + " y: pass").target
    return " enumerate" if isinstance(target, ast.Tuple) else " range"


def fstring_brace(text: str, line: str) -> str:
    mark = line[line.index("(") :].lstrip("(f")[0]
    kind = first(line + "{x}" + mark + ")").value.args[0]
    return "{" if isinstance(kind, ast.JoinedStr) else mark
