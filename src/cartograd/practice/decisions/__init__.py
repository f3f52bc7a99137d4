"""What is chosen on validation examples after the training: thresholds and a temperature.

The weights stay; both go into the output port (`cartograd.core.decided`), so that every verb, and
an exported file, decides by them.
"""
