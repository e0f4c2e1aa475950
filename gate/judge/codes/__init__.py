"""Reason codes: one registry, one module for each kind of fact."""
