"""Asks handsets to fetch again, and waits for proof that they did."""
