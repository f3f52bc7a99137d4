"""Engine: one loop for every objective, and what it leaves on the disk.

`fit` checks its arguments (`arguments`) and runs the `loop`: epochs of steps (`stepper`, with a
`player` for each optimizer), validation (`evaluate`), the best weights, checkpoints (`keeper`,
`checkpoint`), the run folder (`runs`). Everything random is a function of the seed and the step
(`randomness`). `optimize` and `schedule` make optimizers and schedules from specs; `bundle`
keeps a trained model.
"""
