"""Phones and lamps at other places: an agent at each, and a run that sees them as its own."""
