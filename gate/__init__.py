"""publication-gate answers with evidence whether trusted builds may publish to a cache now.

Evidence goes one way: observe, journal, seal (evidence, judge, render). Importing this package imports nothing else,
so that ``--help``, ``--version`` and shell completion stay quick.
"""

__version__ = "0.1.0"
