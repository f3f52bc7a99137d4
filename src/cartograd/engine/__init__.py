"""Engine: one loop for every objective, and what it leaves on the disk; it knows no method.

From low to high: `device` (the machine, random state, signals), `files` (tensors without pickle,
bundles), `inputs` (batches from anything), `distributed` (several processes as one), `optim`
(optimizers, schedules, averages), `logging` (the run folder, metrics, callbacks), `checkpoint`, and
`loop`, where `fit` checks its options and trains. Everything random is a function of the seed and
the step.
"""
