"""`netseams VERB ...`: finds the verb, turns errors into one line and an exit code."""

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version

# Verb -> module. Modules are imported on use, so that `--help` does not wait for torch.
VERBS: dict[str, str] = {
    "compare": "train all kinds of network, find circuits, test them, write the report",
    "train": "train one network",
    "plan": "say what a training run would take, on how many devices",
    "discover": "find circuits of one task in a trained network, ours or of Hugging Face",
    "evaluate": "ask a circuit: sufficient? necessary? better than random?",
    "audit": "is a circuit real? every check, its control, and one word",
    "experiment": "run a question that takes many networks, or list them",
    "sweep": "run a plan of many networks on many workers or machines",
    "frontier": "draw capability against circuit size, of a sweep",
    "claims": "list dated claims, run what tests them, show a verdict",
    "why": "walk from a verdict down to configs, seeds and versions",
    "tasks": "list the tasks, and what a corpus holds of each",
    "model": "say what a model is: ours, the sparse release's, GPT-2, or by name",
    "bridge": "join a dense and a weight-sparse network by maps; hybrids and steering",
    "power": "simulate how many seeds show which effect, and how far intervals are off",
    "pack": "store a finished run in few bytes, with a card",
    "export": "write a circuit as a small module of its own, for torch or as ONNX",
    "report": "write report.html again from a comparison.json",
}

_USAGE = """usage: netseams VERB [options]

How do circuits from a weight-sparse network compare with subnetworks pruned out of an
ordinary one, and is either kind of structure real?

verbs:
{verbs}

`netseams VERB --help` explains a verb. Start with `netseams compare`.
Exit codes: 0 done, 2 bad input, 3 training diverged, 74 cannot write, 75 another
process ended, 130 interrupted."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the console script."""
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        lines = [f"  {verb:<10} {text}" for verb, text in VERBS.items()]
        print(_USAGE.format(verbs="\n".join(lines)))
        return 0 if arguments else 2
    if arguments[0] in ("-V", "--version"):
        print(f"netseams {version('netseams')}")
        return 0
    from netseams.core import NetseamsError, UnknownNameError

    try:
        if arguments[0] not in VERBS:
            raise UnknownNameError("verb", arguments[0], VERBS)
        return _verb(arguments[0])(arguments[1:])
    except NetseamsError as error:
        print(f"netseams: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return _interrupted()
    except BrokenPipeError:
        return 141
    except Exception as error:
        # Ctrl-C in a serializer of ours comes out of pydantic as an error of its own.
        if _caused_by_interrupt(error):
            return _interrupted()
        raise


def _interrupted() -> int:
    print(
        "netseams: interrupted; what was finished is kept, the same command goes on from there",
        file=sys.stderr,
    )
    return 130


def _caused_by_interrupt(error: BaseException | None) -> bool:
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__
    return error is not None


def _verb(name: str) -> Callable[[list[str]], int]:
    import importlib

    module = importlib.import_module(f"netseams.cli.{name}")
    verb: Callable[[list[str]], int] = module.run
    return verb


if __name__ == "__main__":
    main()
