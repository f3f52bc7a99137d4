"""What an exporter asks of executorch 1.5: its compiler's two steps, and its runtime."""
