"""pix2pix: pictures of pictures, learned from pairs."""
