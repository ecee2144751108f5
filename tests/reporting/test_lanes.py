"""What the headline figure draws."""

from synthetic_comparison import comparison

from netseams.reporting.figures.lanes import lanes_of
from netseams.reporting.view import corpus_views


def test_a_lane_holds_one_circuit_a_seed_and_network_and_none_calibrated() -> None:
    plain = comparison()
    trained = [c for c in plain.circuits if c.network == "trained"]
    fitted = [c.model_copy(update={"calibrated": True, "edges": 1}) for c in trained]
    both = plain.model_copy(update={"circuits": [*plain.circuits, *fitted]})
    drawn = lanes_of(both, corpus_views(both)).lanes
    assert any(lane.circuits for lane in drawn)
    for lane, before in zip(drawn, lanes_of(plain, corpus_views(plain)).lanes, strict=True):
        assert lane.circuits == before.circuits
