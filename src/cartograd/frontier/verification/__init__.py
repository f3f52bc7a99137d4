"""What can be proved of a model: bounds of its answers, certificates, properties."""
