"""What a method cannot do, with the reason: each of these checks has to fail, or the line goes."""

EXPECTED = {
    ("step", "test_activation_gradient"): "a step is flat: why the perceptron needs its own rule",
}
"""(card, check): reason."""
