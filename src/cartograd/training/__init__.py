"""Training (chapter 2): losses and objectives; optimizers, schedules and regularisation to come."""
