"""Training (chapter 2): losses, objectives, optimizers, regularisation and normalisation."""
