"""AutoGluon's medium preset on a table with a column `split`; run by a Python that has it.

    python acceptance/gluon.py FILE.csv TARGET METRIC SECONDS

Prints one object: the metric of the test rows, and seconds of the processor. It learns from the
rows for training and validation together, of which it holds back some by itself.
"""

import json
import sys
import tempfile
import time


def main(path: str, target: str, metric: str, seconds: str) -> None:
    """Fit, and measure."""
    import pandas as pd
    from autogluon.tabular import TabularPredictor  # pyright: ignore[reportMissingImports]

    begun = time.process_time()
    table = pd.read_csv(path)
    test = table.pop("split") == "test"
    name = metric.replace("-", "_")
    with tempfile.TemporaryDirectory() as folder:
        made = TabularPredictor(label=target, eval_metric=name, path=folder, verbosity=0)
        made.fit(table[~test], presets="medium_quality", time_limit=float(seconds), num_cpus=1)
        value = float(made.evaluate(table[test], silent=True)[name])
        best, count = made.model_best, len(made.model_names())
    cpu = time.process_time() - begun
    print(json.dumps({"value": value, "cpu": cpu, "best": best, "models": count}))


if __name__ == "__main__":
    main(*sys.argv[1:])
