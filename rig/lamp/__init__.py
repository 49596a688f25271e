"""What a lamp really does, behind one interface."""
