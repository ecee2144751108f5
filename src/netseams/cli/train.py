"""`netseams train`: one network."""

from pathlib import Path
from typing import Annotated

import torch
import tyro

from netseams.cli.parse import call
from netseams.cli.progress import JobProgress, console
from netseams.core import Device, SettingError, UnknownNameError
from netseams.training import RunConfig, train
from netseams.training.distributed import launched_processes
from netseams_recipes import preset as find_preset
from netseams_recipes import recipe as find_recipe


def run(arguments: list[str]) -> int:
    """Parse and run the verb."""
    return call(_train, arguments, "train")


def _train(
    out: Path,
    config: Path | None = None,
    recipe: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None,
    preset: Annotated[str, tyro.conf.arg(metavar="NAME")] = "quick",
    corpus: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None,
    arm: Annotated[str, tyro.conf.arg(metavar="NAME")] = "dense",
    text: Path | None = None,
    seed: int = 0,
    threads: int = 1,
    device: Device = "cpu",
) -> int:
    """Train one network, or resume it where a kill left it.

    Under `torchrun` the network is split over its processes (docs/scaling.md).

    Args:
        out: Folder of the run.
        config: A config.json of another run to repeat; the options below are then unused.
        recipe: A recipe such as script-small; of the options below it takes text and seed.
        preset: Preset of `netseams compare` whose settings are used.
        corpus: One of the preset's corpora; its first by default.
        arm: An arm of that preset: dense, weight_sparse, ...
        text: Your own file or folder of text, in place of the corpus.
        seed: Training seed.
        threads: Torch threads. A resumed run is bit-identical only with equal threads.
        device: cpu or cuda; the run is the same up to rounding. Under torchrun every process takes
            a GPU where there are some, whatever is said here.
    """
    torch.set_num_threads(threads)
    wanted = chosen(config, recipe, preset, corpus, arm, text, seed)
    with launched_processes() as processes:
        terminal = console(quiet=processes is not None and not processes.first)
        with JobProgress(terminal) as progress:
            progress.plan(["training"])

            def report(done: int, total: int, word: str) -> None:
                progress.report("training", done, total, word)

            finished = train(wanted, out, report, processes, device)
            progress.report("training", 1, 1, "")
    r = finished.result
    terminal.print(
        f"{wanted.arm} network on {wanted.corpus.kind}: validation loss {r.valid_loss:.3f} nats, "
        f"{r.l0:,} of {r.n_parameters:,} parameters non-zero, {r.seconds:.0f} s\nrun: {out}",
        soft_wrap=True,
    )
    return 0


def chosen(
    config: Path | None,
    recipe: str | None,
    preset: str,
    corpus: str | None,
    arm: str,
    text: Path | None,
    seed: int,
) -> RunConfig:
    """The run that was asked for: a file's, a recipe's, or that of a preset's settings.

    Raises:
        SettingError: both a file and a recipe.
        UnknownNameError: no such recipe, preset, or corpus in it.
        FileFormatError: the file is missing or invalid.
    """
    if config and recipe:
        raise SettingError("--config and --recipe both name a whole run: give one of them")
    if config:
        return RunConfig.read(config)
    if recipe:
        return find_recipe(recipe, text, seed)
    settings = {s.corpus.kind: s for s in find_preset(preset, text).settings}
    key = "text" if text is not None else corpus or next(iter(settings))
    if key not in settings:
        raise UnknownNameError("corpus", key, settings)
    return settings[key].run(arm, seed)
