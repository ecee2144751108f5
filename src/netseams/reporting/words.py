"""What kinds of network and controls are, in a sentence each."""

KIND_WORDS = {
    "dense": "A dense network is trained in the ordinary way.",
    "weight_sparse": "In a weight_sparse one every matrix keeps only its largest weights after "
    "every step.",
    "pruned": "A pruned one is trained dense, and its smallest weights are then taken away little "
    "by little while it trains on.",
    "random_support": "In one of random_support the places of the non-zero weights are drawn once, "
    "before training, and never change.",
}
CONTROL_NAMES = {
    "untrained": "untrained network",
    "redrawn": "redrawn weights",
    "random": "random mask, alone",
    "random_removed": "random mask, removed",
}
