"""Passive oracles: what is wrong with traffic that nobody arranged, from the traffic alone."""
