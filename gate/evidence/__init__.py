"""Journal records and captures → one document; its canonical bytes and its schema. Pure."""
