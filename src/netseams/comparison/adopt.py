"""Networks that were trained before, taken into a comparison in place of training."""

from pathlib import Path

from netseams.comparison.config import CompareConfig
from netseams.comparison.records import Places
from netseams.core import SettingError
from netseams.training.packing import packed_runs, unpack_run


def adopt_runs(config: CompareConfig, models: Path, out: Path) -> None:
    """Unpack every network that `config` asks for from the packed runs below `models`.

    Raises:
        SettingError: one of them is not there.
        FileFormatError: there is no packed run, or a damaged one.
    """
    packed = packed_runs(models)
    for setting in config.settings:
        for arm in setting.arm_names:
            for seed in config.seeds:
                run = setting.run(arm, seed)
                if run.digest() not in packed:
                    raise SettingError(
                        f"{models} holds no {arm} network of seed {seed} with these settings "
                        f"(it holds {', '.join(sorted(p.name for p in packed.values()))}): leave "
                        "--models out to train it"
                    )
                unpack_run(packed[run.digest()], Places(out).run(run))
