"""The only vocabulary of the gate: frozen values, no behaviour that touches the world.

``basics`` has the words, ``records`` what the journal says, ``document`` what ``evidence.json`` says.
"""
