"""The document → text for people: plain text, Markdown, one HTML page. Pure: the same bytes each time."""
