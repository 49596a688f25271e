"""The left half: from a site inventory to files that handsets fetch. Never imports ``rig``."""
