"""Phones that do over sockets what vendors' documents say, and what real ones do wrong."""
