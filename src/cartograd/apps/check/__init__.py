"""What is the matter with data, before anything is learned from them."""
