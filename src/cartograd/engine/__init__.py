"""Engine: fit, evaluate, checkpoints, runs and bundles. It knows the protocols and no method."""
