"""The site of the documentation: pages written from the cards, built offline."""
