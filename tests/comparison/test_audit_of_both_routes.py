"""Circuits of a comparison, of both routes and of a control, before the audit."""

from netseams.audit import AuditConfig
from netseams.audit.jobs import audit_folders
from netseams.audit.places import circuits_in
from small_comparison import SMALL

FEW = AuditConfig(
    random_masks=2, extraction_seeds=2, rounds=1, deletions=1, stochastic_draws=2,
    adversarial_steps=5, siblings=1,
)  # fmt: skip


def test_circuits_of_a_comparison_get_cards(small, tmp_path) -> None:
    _, out = small
    target = f"target-{SMALL.settings[0].primary_target:g}"
    paths = [
        next(p for p in circuits_in(out) if arm in str(p) and "trained/reverse" in str(p)
             and target in str(p) and "untrained" not in str(p))
        for arm in ("dense", "weight_sparse")
    ]  # fmt: skip
    cards = audit_folders(paths, FEW, out=tmp_path)
    assert len(cards) == 2
    for card in cards.values():
        found = {f.check: f.outcome for f in card.findings}
        assert found["sufficient"] == "pass"
        assert found["untrained"] == "pass"
        assert found["shuffled"] == "pass"
        assert card.rung >= 1
        assert (tmp_path / card.circuit / "card.json").exists()
