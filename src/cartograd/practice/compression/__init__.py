"""Models made smaller and faster: other number formats, fewer weights, smaller students."""
