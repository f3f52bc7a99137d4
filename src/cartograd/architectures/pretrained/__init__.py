"""Published weights: each file reads one published set, or one family's way of keeping them."""
