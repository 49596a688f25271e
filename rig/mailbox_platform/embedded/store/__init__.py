"""Keeps messages and settings: what is told lasts."""
