"""An experiment of no work: a value for every seed, and a file that says when a cell ran."""

from netseams.claims import CLAIMS, Claim, ClaimFile, Counts, Prediction
from netseams.experiments import (
    EXPERIMENTS,
    Cell,
    Experiment,
    ExperimentConfig,
    Findings,
)
from netseams_recipes import experiments as recipes


class CoinsConfig(ExperimentConfig):
    value: float = 1.0
    dies_at: int | None = None


def toss(out, seed, value, dies_at, progress):
    if seed == dies_at and not (out / "revived").exists():
        raise KeyboardInterrupt
    with (out / "calls.txt").open("a") as calls:
        calls.write(f"{seed}\n")
    progress(1, 1, "")
    return [{"seed": seed, "value": value + 0.01 * seed}]


class Coins(Experiment[CoinsConfig]):
    name = "coins"
    question = "What are coins worth?"
    primary_metric = "mean value of a coin"

    def cells(self, config):
        return [
            Cell(f"toss seed {s}", toss, (s, config.value, config.dies_at)) for s in config.seeds
        ]

    def findings(self, config, rows):
        return Findings(
            experiment=self.name,
            question=self.question,
            primary_metric=self.primary_metric,
            answer=[f"{len(rows)} coins"],
            tables=[],
            n_seeds=len(config.seeds),
        )


def coin_claim(name: str, **changes) -> ClaimFile:
    fields = {
        "experiment": "coins", "metric": "value of a coin", "unit": "coins",
        "smallest_effect": 0.5, "conditions": ("here",),
    }  # fmt: skip
    claim = Claim(
        id=name,
        statement="Coins are worth something.",
        source="a bank",
        date="2024-05",
        arxiv_ids=("2401.00001",),
        prediction=Prediction(**{**fields, **changes}),
        would_change_it="other coins",
    )

    def values(rows):
        return {"here": {row["seed"]: [row["value"]] for row in rows}}

    def counts(rows):
        return {"here": Counts(things="coins", n=len(rows), missing_are="failures")}

    return ClaimFile(claim, values, counts)


PLANS = {
    ("coins", "quick"): lambda: CoinsConfig(seeds=(0, 1, 2)),
    ("coins", "standard"): lambda: CoinsConfig(seeds=tuple(range(8))),
    ("coins", "other"): lambda: CoinsConfig(seeds=tuple(range(8)), value=-2.0),
    ("coins", "frail"): lambda: CoinsConfig(seeds=tuple(range(8)), dies_at=5),
}


def config_of(experiment: str, preset: str) -> ExperimentConfig:
    return PLANS[experiment, preset]()


def install(patch) -> None:
    """Coins among experiments, presets and claims, as long as a test lasts."""
    patch.setitem(EXPERIMENTS._items, "coins", Coins)
    for key, plan in PLANS.items():
        patch.setitem(recipes.PLANS, key, plan)
    patch.setitem(CLAIMS._items, "worth", coin_claim("worth"))
    patch.setitem(CLAIMS._items, "worthless", coin_claim("worthless", direction="less"))
