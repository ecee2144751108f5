"""Finished runs in few bytes, to be shipped, and made whole again.

config.json        as in the run
result.json        as in the run, with losses and counts of the rounded network
model.packed       half precision, zeros left out (`models.packed`)

`open_run` opens a packed run like any other.
"""

from pathlib import Path

from netseams.core import FileFormatError
from netseams.corpora import load_corpus
from netseams.models import save_model
from netseams.models.packed import PACKED_FILE, load_packed, save_packed
from netseams.store import WorkFolder, read_bytes, write_bytes, write_text
from netseams.training.config import RunConfig
from netseams.training.loop import validation_loss
from netseams.training.run import RunResult, TrainedRun, open_run, result_of


def pack_run(run: TrainedRun, folder: Path) -> RunResult:
    """Write a finished run into `folder`, its network rounded to half precision.

    Returns:
        What the rounded network comes to: its losses are measured anew.

    Raises:
        CorpusError: the run's corpus cannot be read here.
        StorageError: no space, or the folder cannot be written.
    """
    save_packed(folder / PACKED_FILE, run.load())
    model, corpus = load_packed(folder / PACKED_FILE), load_corpus(run.config.corpus)
    valid, test = (validation_loss(model, corpus, split) for split in ("valid", "test"))
    result = result_of(run.config, model, corpus, run.result.seconds, valid, test)
    write_bytes(folder / "config.json", read_bytes(run.folder / "config.json"))
    write_text(folder / "result.json", result.model_dump_json(indent=2))
    return result


def unpack_run(folder: Path, out: Path) -> TrainedRun:
    """Make a packed run a run again: the folder `out` is as if it had been trained there.

    Raises:
        FileFormatError: `folder` holds no packed run, or a damaged one.
        RunFolderError: `out` holds a run with another config.
    """
    config = RunConfig.read(folder / "config.json")
    result = RunResult.read(folder / "result.json")
    work = WorkFolder(out)
    work.claim(config)
    if not (work / "result.json").exists():
        save_model(work / "model.safetensors", load_packed(folder / PACKED_FILE))
        write_text(work / "result.json", result.model_dump_json(indent=2))
    return open_run(out)


def packed_runs(folder: Path) -> dict[str, Path]:
    """Digest of its config -> folder, of every packed run below `folder`.

    Raises:
        FileFormatError: there is none.
    """
    found = {
        RunConfig.read(path.parent / "config.json").digest(): path.parent
        for path in sorted(folder.glob(f"*/{PACKED_FILE}"))
    }
    if not found:
        raise FileFormatError(f"{folder} holds no packed run (a folder with {PACKED_FILE})")
    return found
