"""The Robot Framework face of the rig."""
