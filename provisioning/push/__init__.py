"""Delivers rendered files to where a site already serves from."""
