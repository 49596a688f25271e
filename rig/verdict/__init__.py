"""Judges measurements with limits and names the fault."""
