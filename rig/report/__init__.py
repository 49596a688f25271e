"""Writers of a finished run record."""
