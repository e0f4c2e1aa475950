"""Stand-ins for ``atticd`` and ``attic`` of Attic b7c9056, held to recordings of the real ones.

``python -m gate.lab.attic.server -f server.toml`` and ``python -m gate.lab.attic.client push CACHE PATH...``
take the files and arguments of the real programs, so a lab can put the real programs in their place.
``fixtures/recordings/attic`` says what the real ones did; ``tests/integration/test_attic_standins.py`` compares.
"""
