"""What handsets register to, behind one interface."""
