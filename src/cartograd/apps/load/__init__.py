"""What verbs act on: runs, bundles, pretrained weights, data."""
