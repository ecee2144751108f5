"""A model's card: what it was made of, what it counts, what it can and cannot do."""

from collections.abc import Sequence

from netseams.core import TaskError
from netseams.corpora import load_corpus
from netseams.evaluation.score import is_learned, score_network
from netseams.tasks import Task, build_task, task_names
from netseams.training import TrainedRun


def tasks_of(run: TrainedRun) -> list[Task]:
    """Every task that the run's corpus holds enough examples of, at the model's context length."""
    corpus, found = load_corpus(run.config.corpus), []
    for name in task_names(corpus, every=True):
        try:
            found.append(build_task(name, corpus, run.config.model.n_ctx))
        except TaskError:
            continue
    return found


def model_card(run: TrainedRun, tasks: Sequence[Task], made_by: str) -> str:
    """Markdown. Accuracies are on the report splits; a task counts as learned halfway from its
    floor to 1.

    Args:
        made_by: the commands that make the model again.
    """
    r, config, model = run.result, run.config, run.load()
    corpus = load_corpus(config.corpus).summary()
    facts = ", ".join(f"{key} {value:,}" if isinstance(value, int) else f"{key} {value}"
                      for key, value in corpus.items() if key != "name")  # fmt: skip
    shape = config.model
    lines = [
        f"# {config.arm} network on {config.corpus.kind}",
        "",
        f"- **Data**: {corpus['name']} ({facts}).",
        f"- **Shape**: {shape.n_layers} layers, {shape.n_heads} heads of {shape.d_head}, d_model "
        f"{shape.d_model}, d_mlp {shape.d_mlp}, n_ctx {shape.n_ctx}, {shape.d_vocab} tokens.",
        f"- **Training**: {r.tokens:,} tokens in {r.steps:,} steps, seed {config.seed}, "
        f"`{config.train.sparsity.model_dump_json()}`.",
        f"- **Loss**: {r.valid_loss:.3f} nats a token on validation files, {r.test_loss:.3f} on "
        "test files.",
        f"- **Parameters**: {r.n_parameters:,}, of which {r.l0:,} are not zero; block matrices "
        f"(edges) {r.n_edge_weights:,}, not zero {r.l0_edges:,}.",
        "- **Precision**: weights are rounded to half precision; all numbers here are those of the "
        "rounded network.",
        f"- **Fingerprint**: `{r.fingerprint}`.",
        "",
        "| task | accuracy | floor | loss, nats | learned |",
        "|---|---|---|---|---|",
    ]
    for task in tasks:
        score = score_network(model, task)
        learned = "yes" if is_learned(score.accuracy, task.floor_accuracy) else "no"
        lines.append(
            f"| {task.name} | {score.accuracy:.3f} | {task.floor_accuracy:.2f} | {score.loss:.3f} "
            f"| {learned} |"
        )
    return "\n".join([*lines, "", "Made by:", "```sh", made_by, "```", ""])
