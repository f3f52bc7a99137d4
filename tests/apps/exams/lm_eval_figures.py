"""Renew what lm-evaluation-harness 0.4.13 says of the tiny model.

It is no dependency of the tests: its figures are kept in `lm_eval_figures.json`. To renew them:

    pip install lm_eval==0.4.13 datasets
    python -m tests.apps.exams.lm_eval_figures
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
KEPT = HERE / "lm_eval_figures.json"
TASKS = ("choices", "drawn", "letters", "texts", "endings", "written")


def main() -> None:
    """Ask the harness, and keep figures and each item's likelihoods or texts."""
    os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
    sys.modules["torchvision"] = None  # type: ignore[assignment]  # no pictures here
    os.chdir(HERE / "tasks")
    from lm_eval import simple_evaluate  # type: ignore[import-not-found]
    from lm_eval.tasks import TaskManager  # type: ignore[import-not-found]

    from tests.apps.exams.tiny import folder

    with tempfile.TemporaryDirectory() as work:
        model = folder(Path(work) / "model")
        found = simple_evaluate(
            model="hf",
            model_args=f"pretrained={model},dtype=float32,device=cpu",
            tasks=list(TASKS),
            task_manager=TaskManager(include_path=".", include_defaults=False),
            batch_size=1,
        )
    kept = {task: _task(found["results"][task], found["samples"][task]) for task in TASKS}
    rows = [f"{json.dumps(task)}: {json.dumps(kept[task], ensure_ascii=False)}" for task in TASKS]
    KEPT.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


def _task(figures: dict[str, Any], samples: list[dict[str, Any]]) -> dict[str, Any]:
    plain = {
        key.removesuffix(",none"): value
        for key, value in figures.items()
        if isinstance(value, float) and "stderr" not in key
    }
    errors = {
        key.replace("_stderr", "").removesuffix(",none"): value
        for key, value in figures.items()
        if isinstance(value, float) and "stderr" in key
    }
    first = {one["doc_id"]: one for one in reversed(samples)}
    answers = [first[number]["resps"] for number in sorted(first)]
    prompts = [first[number]["arguments"] for number in sorted(first)]
    return {"figures": plain, "errors": errors, "answers": answers, "prompts": prompts}


if __name__ == "__main__":
    main()
