"""Tells handsets about waiting messages."""
