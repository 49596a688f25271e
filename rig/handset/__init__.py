"""The device under test behind one interface."""
