"""Coverage-guided fuzzing of the parsers of foreign text (`gate.parse`), by atheris (https://github.com/google/atheris).

Each target is a function of bytes that raises `AssertionError` where a parser breaks its contract. The targets need no
atheris: the unit tests run each of them over its whole seed corpus, on every platform.
"""
