"""The checks that fakes pass too are the ones that cards call no evidence."""

import gzip
import io
import json
from pathlib import Path

from rich.console import Console

from netseams.audit import CHECKS, LADDER, AuditCard, Finding
from netseams.experiments.battery import UNIQUE
from netseams.reporting.cards import print_card, why

ROWS = Path(__file__).parents[2] / "docs/results/battery/rows.jsonl.gz"


def test_cards_call_no_evidence_what_told_no_fake_apart() -> None:
    shares: dict[tuple[str, str], list[bool]] = {}
    for line in gzip.decompress(ROWS.read_bytes()).splitlines():
        row = json.loads(line)
        if row["case"] == "planted" and row["network"] not in UNIQUE:
            continue
        for check, test in row["tests"].items():
            if test["outcome"] in ("pass", "fail"):
                shares.setdefault((check, row["case"]), []).append(test["outcome"] == "pass")
    mean = {key: sum(passes) / len(passes) for key, passes in shares.items()}
    cases = {case for _, case in mean} - {"planted"}
    blind = {
        check
        for check in (c for checks in LADDER.values() for c in checks)
        if all(mean[check, "planted"] - mean.get((check, case), 1.0) < 0.5 for case in cases)
    }
    assert blind == {name for name in CHECKS if CHECKS[name].only_a_condition}


def test_a_condition_is_met_and_not_passed() -> None:
    card = AuditCard(
        circuit="c", task="t", corpus="l", model_fingerprint="f", granularity="nodes", n_nodes=1,
        n_edges=1, method="m", target=0.1, ablation="mean", accuracy=1.0, floor=0.5,
        findings=(
            Finding(check="sufficient", outcome="pass"), Finding(check="necessary", outcome="pass"),
        ),
        word="fits", missed=(), not_asked=(),
    )  # fmt: skip
    shown = Console(file=io.StringIO(), width=120, record=True)
    print_card(card, shown)
    lines = {line.split()[0]: line.split()[1] for line in shown.export_text().splitlines()[2:4]}
    assert lines == {"sufficient": "pass", "necessary": "met"}
    assert any(line.startswith("necessary: met") for line in why(card))
    failed = card.model_copy(update={"findings": (Finding(check="necessary", outcome="fail"),)})
    assert any(line.startswith("necessary: the network does") for line in why(failed))
