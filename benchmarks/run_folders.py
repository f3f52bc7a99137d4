"""Run folders as a training leaves them, without one: for what looks at them."""

import json
from pathlib import Path
from typing import Any


def runs(folder: Path, /, count: int = 20, epochs: int = 20) -> None:
    """Run folders as they lie there, with epochs and a bundle's documents."""
    for number in range(count):
        run = folder / "runs" / f"mlp-digits-{number}"
        (run / "bundle").mkdir(parents=True)
        (run / "config.toml").write_text(f'model = "mlp"\ndata = "digits"\nepochs = {epochs}\n')
        lines = [{"time": number, "event": "started"}]
        lines += [{"time": number, "event": "epoch", "epoch": n, "seconds": 0.5}
                  for n in range(1, epochs + 1)]  # fmt: skip
        lines.append({"time": number, "event": "finished"})
        _lines(run / "events.jsonl", lines)
        _lines(run / "metrics.jsonl", [
            {"at": "epoch", "epoch": n, "step": n, "train/loss": 1 / n, "valid/loss": 1 / n,
             "valid/accuracy": 1 - 0.5 / n} for n in range(1, epochs + 1)
        ])  # fmt: skip
        measured = {"accuracy": {"value": 0.95, "low": 0.93, "high": 0.97}}
        beside = {"name": "logistic regression", "is": "better", "metric": "accuracy",
                  "difference_low": 0.01, "difference_high": 0.03}  # fmt: skip
        about = {"baseline": "better than logistic regression by 2 points", "baselines": [beside]}
        for name, said in (("metrics", measured), ("about", about)):
            (run / "bundle" / f"{name}.json").write_text(json.dumps(said))


def _lines(file: Path, records: list[dict[str, Any]]) -> None:
    file.write_text("".join(f"{json.dumps(one)}\n" for one in records))
