"""One small comparison, run once: three string operations of 4 digits that both arms learn."""

from netseams.comparison import Arm, CompareConfig, Setting
from netseams.corpora import StringOpsConfig
from netseams.discovery import NodeMaskConfig
from netseams.models import TransformerConfig
from netseams.training import Dense, TrainConfig, WeightSparse

SMALL = CompareConfig(
    preset="small",
    settings=(
        Setting(
            corpus=StringOpsConfig(length=4),
            model=TransformerConfig(
                n_layers=2, n_heads=4, d_model=64, d_mlp=128, n_ctx=10, d_vocab=19
            ),
            train=TrainConfig(steps=600, batch_size=96, lr=2e-3, checkpoint_every=100),
            arms=(
                Arm(name="dense", sparsity=Dense()),
                Arm(
                    name="weight_sparse",
                    sparsity=WeightSparse(
                        density=0.2, embed_density=0.4, anneal="power", anneal_end=0.6
                    ),
                ),
            ),
            search=NodeMaskConfig(
                steps=60, batch_size=32, lr=0.03, price_end=1e-2, snapshots=10, bisections=4
            ),
            tasks=("reverse", "rotate", "increment"),
            targets=(0.3, 0.6),
            primary_target=0.6,
        ),
    ),
    seeds=(0,),
    random_masks=2,
)
