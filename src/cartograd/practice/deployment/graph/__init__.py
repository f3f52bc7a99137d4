"""What is done to an exported graph so that it is smaller and faster, and answers the same."""
