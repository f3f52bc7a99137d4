"""Engine: one loop for every objective, and what it leaves on the disk.

`loop.fit` checks its arguments and runs `loop.training_loop`: epochs of steps (`loop.stepper`, with
an `optim.player` for each optimizer), validation (`loop.evaluate`), the best weights, checkpoints
(`checkpoint.manager`, `checkpoint.storage`) and the run folder (`files.run_folder`). Everything
random is a function of the seed and the step (`device.randomness`). `optim.optimizers` and
`optim.schedule` make optimizers and schedules from specs; `files.bundle` saves a trained model.
"""
