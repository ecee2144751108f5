"""netseams: forced circuits and emergent subnetworks, under the same tests and controls.

Public names are imported on first use, so that `import netseams` is quick and the command
line can answer `--help` without waiting for torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netseams.circuits import (
        Circuit,
        CompiledCircuit,
        circuit_from_eap,
        circuit_graph,
        export_onnx,
        export_torch,
        load_circuit,
        load_compiled,
        save_circuit,
        structural_links,
        write_eap,
    )
    from netseams.claims import CLAIMS, Claim, Prediction, Verdict, judge
    from netseams.comparison import Arm, CompareConfig, Comparison, Setting, compare
    from netseams.core import NetseamsError
    from netseams.corpora import (
        AgreementConfig,
        DoubleAdditionConfig,
        SharedNodeConfig,
        SquaresConfig,
        StdlibConfig,
        StringOpsConfig,
        TextConfig,
        TinyPythonConfig,
        TwoOperationsConfig,
        TwoSlotsConfig,
        load_corpus,
    )
    from netseams.corpora.prompts import load_tokenizer
    from netseams.discovery import METHODS, HyperSearch, NodeMaskConfig, NodeMasks, score_error
    from netseams.evaluation import (
        agreement,
        measure_bridges,
        necessity,
        score_network,
        sufficiency,
    )
    from netseams.interventions import mean_activations, redrawn_on_support, untrained_twin
    from netseams.models import (
        ADAPTERS,
        Adapter,
        Fused,
        HookedModel,
        Input,
        Transformer,
        TransformerConfig,
        load_hooked,
        load_model,
        parameter_counts,
        save_gpt2,
        save_model,
    )
    from netseams.reporting import write_report
    from netseams.tasks import (
        binary_task,
        build_task,
        load_prompted_task,
        load_task_file,
        shuffled_twin,
        task_names,
    )
    from netseams.training import (
        BridgeConfig,
        Dense,
        OddOneOutConfig,
        Pruned,
        RandomSupport,
        Routed,
        RunConfig,
        TrainConfig,
        WeightSparse,
        open_bridges,
        open_run,
        train,
        train_bridges,
        train_odd_one_out,
    )

_HOME: dict[str, str] = {
    name: room
    for room, names in {
        "claims": "CLAIMS Claim Prediction Verdict judge",
        "circuits": "Circuit CompiledCircuit circuit_from_eap circuit_graph export_onnx "
        "export_torch load_circuit load_compiled save_circuit structural_links write_eap",
        "comparison": "Arm CompareConfig Comparison Setting compare",
        "core": "NetseamsError",
        "corpora": "AgreementConfig DoubleAdditionConfig SharedNodeConfig SquaresConfig "
        "StdlibConfig StringOpsConfig TextConfig TinyPythonConfig TwoOperationsConfig "
        "TwoSlotsConfig load_corpus",
        "discovery": "METHODS HyperSearch NodeMaskConfig NodeMasks score_error",
        "evaluation": "agreement measure_bridges necessity score_network sufficiency",
        "interventions": "mean_activations redrawn_on_support untrained_twin",
        "corpora.prompts": "load_tokenizer",
        "models": "ADAPTERS Adapter Fused HookedModel Input Transformer TransformerConfig "
        "load_hooked load_model parameter_counts save_gpt2 save_model",
        "reporting": "write_report",
        "tasks": "binary_task build_task load_prompted_task load_task_file shuffled_twin "
        "task_names",
        "training": (
            "BridgeConfig Dense OddOneOutConfig Pruned RandomSupport Routed RunConfig TrainConfig "
            "WeightSparse open_bridges open_run train train_bridges train_odd_one_out"
        ),
    }.items()
    for name in names.split()
}

__all__ = [
    "ADAPTERS",
    "CLAIMS",
    "METHODS",
    "Adapter",
    "AgreementConfig",
    "Arm",
    "BridgeConfig",
    "Circuit",
    "Claim",
    "CompareConfig",
    "Comparison",
    "CompiledCircuit",
    "Dense",
    "DoubleAdditionConfig",
    "Fused",
    "HookedModel",
    "HyperSearch",
    "Input",
    "NetseamsError",
    "NodeMaskConfig",
    "NodeMasks",
    "OddOneOutConfig",
    "Prediction",
    "Pruned",
    "RandomSupport",
    "Routed",
    "RunConfig",
    "Setting",
    "SharedNodeConfig",
    "SquaresConfig",
    "StdlibConfig",
    "StringOpsConfig",
    "TextConfig",
    "TinyPythonConfig",
    "TrainConfig",
    "Transformer",
    "TransformerConfig",
    "TwoOperationsConfig",
    "TwoSlotsConfig",
    "Verdict",
    "WeightSparse",
    "agreement",
    "binary_task",
    "build_task",
    "circuit_from_eap",
    "circuit_graph",
    "compare",
    "export_onnx",
    "export_torch",
    "judge",
    "load_circuit",
    "load_compiled",
    "load_corpus",
    "load_hooked",
    "load_model",
    "load_prompted_task",
    "load_task_file",
    "load_tokenizer",
    "mean_activations",
    "measure_bridges",
    "necessity",
    "open_bridges",
    "open_run",
    "parameter_counts",
    "redrawn_on_support",
    "save_circuit",
    "save_gpt2",
    "save_model",
    "score_error",
    "score_network",
    "shuffled_twin",
    "structural_links",
    "sufficiency",
    "task_names",
    "train",
    "train_bridges",
    "train_odd_one_out",
    "untrained_twin",
    "write_eap",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'netseams' has no attribute {name!r}")
    return getattr(importlib.import_module(f"netseams.{_HOME[name]}"), name)
