"""What the explanation and attack workloads share: LeNet-5 trained on the embedded digits."""

import os
from pathlib import Path
from typing import Any

from benchmarks.case import FOLDER

EPOCHS = 8


def prepare(folder: Path, /) -> None:
    """Train once and keep the bundle."""
    import cartograd as cg
    from cartograd.data.sources.digits import digits
    from cartograd.engine.files.bundle import write_bundle

    data = digits()
    model = cg.build("lenet5", signature=data.signature)
    batches = data.train.batches(batch_size=64)
    task = cg.build("classify", model=model)
    cg.fit(task, batches, optimizer="adamw:lr=2e-3", decay="all", epochs=EPOCHS)
    write_bundle(folder / "bundle", model)


def model_and_test(examples: int, /) -> tuple[Any, Any, Any]:
    """The model in evaluation mode, and test images with their classes."""
    import cartograd as cg
    from cartograd.data.sources.digits import digits

    test = digits().test
    model = cg.load(Path(os.environ[FOLDER]) / "bundle").model
    return model, test.inputs[:examples].clone(), test.targets[:examples].clone()
