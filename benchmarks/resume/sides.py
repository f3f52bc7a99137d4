"""The same run in each engine, saved and resumed in the way that its documentation shows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader

from benchmarks.resume import workload
from benchmarks.resume.workload import BATCH, EPOCHS, SEED, Examples, Network, Task


def cartograd(task: Task) -> Network:
    import cartograd as cg

    network = task.network()
    cg.fit(
        cg.build("classify", model=network),
        _loader(task),
        optimizers=f"adamw:lr={workload.LR}",
        decay="all",
        schedules="cosine",
        epochs=EPOCHS,
        seed=SEED,
        folder=task.folder,
        save_every=task.scenario.save_every,
        resume=task.resume,
    )
    return network


def lightning(task: Task) -> Network:
    return _lightning(task, _loader(task))


def lightning_stateful(task: Task) -> Network:
    from torchdata.stateful_dataloader import StatefulDataLoader

    return _lightning(task, _loader(task, StatefulDataLoader))


def _lightning(task: Task, loader: Any) -> Network:
    import lightning as L
    from lightning.pytorch.callbacks import ModelCheckpoint

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = task.network()

        def training_step(self, batch: Any, _: int) -> Any:
            return F.cross_entropy(self.network(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            chosen = workload.optimizer(self.network)
            schedule = {"scheduler": workload.schedule(chosen), "interval": "step"}
            return {"optimizer": chosen, "lr_scheduler": schedule}

    L.seed_everything(SEED, workers=True, verbose=False)
    keep = ModelCheckpoint(
        task.folder,
        every_n_train_steps=task.scenario.save_every,
        save_top_k=-1,
        save_last=True,
    )
    trainer = L.Trainer(
        max_epochs=EPOCHS,
        accelerator="cpu",
        logger=False,
        callbacks=[keep],
        default_root_dir=task.folder,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = Module()
    trainer.fit(module, loader, ckpt_path="last" if task.resume else None)
    return module.network


def transformers(task: Task) -> Network:
    from transformers import Trainer, TrainingArguments

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = task.network()

        def forward(self, inputs: Any, labels: Any) -> Any:
            logits = self.network(inputs)
            return {"loss": F.cross_entropy(logits, labels), "logits": logits}

    class Rows(Examples):
        def __getitem__(self, index: int) -> Any:
            x, y = super().__getitem__(index)
            return {"inputs": x, "labels": y}

    arguments = TrainingArguments(
        output_dir=str(task.folder),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=BATCH,
        max_grad_norm=0.0,
        save_strategy="steps",
        save_steps=task.scenario.save_every,
        dataloader_num_workers=task.scenario.workers,
        seed=SEED,
        report_to="none",
        use_cpu=True,
        dataloader_pin_memory=False,
        disable_tqdm=True,
    )
    model = Classifier()
    chosen = workload.optimizer(model)
    Trainer(
        model=model,
        args=arguments,
        train_dataset=Rows(task.scenario),
        optimizers=(chosen, workload.schedule(chosen)),
    ).train(resume_from_checkpoint=task.resume or None)
    return model.network


def accelerate(task: Task) -> Network:
    return _accelerate(task, seedable=False)


def accelerate_seedable(task: Task) -> Network:
    return _accelerate(task, seedable=True)


def _accelerate(task: Task, *, seedable: bool) -> Network:
    """After `examples/by_feature/checkpointing.py` of the package."""
    from accelerate import Accelerator, DataLoaderConfiguration
    from accelerate.utils import set_seed

    set_seed(SEED)
    configuration = DataLoaderConfiguration(use_seedable_sampler=seedable)
    accelerator = Accelerator(cpu=True, dataloader_config=configuration)
    network = task.network()
    chosen = workload.optimizer(network)
    network, chosen, loader, schedule = accelerator.prepare(
        network, chosen, _loader(task), workload.schedule(chosen)
    )
    per_epoch, done = len(loader), 0
    if task.resume:
        newest = max(task.folder.glob("step_*"), key=_step)
        accelerator.load_state(str(newest))
        done = _step(newest)
    for epoch in range(done // per_epoch, EPOCHS):
        loader.set_epoch(epoch)
        skipped = done % per_epoch if epoch == done // per_epoch else 0
        batches = accelerator.skip_first_batches(loader, skipped) if skipped else loader
        for number, (x, y) in enumerate(batches, skipped + 1):
            loss = F.cross_entropy(network(x), y)
            accelerator.backward(loss)
            chosen.step()
            schedule.step()
            chosen.zero_grad()
            step = epoch * per_epoch + number
            if step % task.scenario.save_every == 0:
                accelerator.save_state(str(task.folder / f"step_{step}"))
    return accelerator.unwrap_model(network)


def _step(path: Path) -> int:
    return int(path.name.removeprefix("step_"))


def _loader(task: Task, kind: type = DataLoader) -> Any:
    scenario = task.scenario
    return kind(Examples(scenario), batch_size=BATCH, shuffle=True, num_workers=scenario.workers)


SIDES: dict[str, Callable[[Task], Network]] = {
    "cartograd": cartograd,
    "Lightning": lightning,
    "Lightning, StatefulDataLoader": lightning_stateful,
    "Hugging Face Trainer": transformers,
    "Accelerate": accelerate,
    "Accelerate, seedable sampler": accelerate_seedable,
}
"""By name, ours first."""

PREPARE: dict[str, str] = {
    "cartograd": "cartograd.engine.loop.fit",
    "Lightning": "lightning",
    "Lightning, StatefulDataLoader": "lightning",
    "Hugging Face Trainer": "transformers.trainer",
    "Accelerate": "accelerate",
    "Accelerate, seedable sampler": "accelerate",
}
"""What a side imports, once for all of its runs."""


def answer(network: Network, /) -> Any:
    """All numbers of a network, and the training steps that this process took with it."""
    numbers = [value.detach().flatten() for value in network.parameters()]
    return torch.cat([*numbers, torch.tensor([float(network.steps)])]).numpy()
