"""Foreign text read by pure parsers: bytes in, model values out."""
