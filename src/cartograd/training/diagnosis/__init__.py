"""What a training run does, and what that means; everything works on a copy of the objective."""
