"""Practice (chapter 5): metrics, remedies, compression, deployment."""
