"""Seeded faults: what makes a right system wrong, to prove the verdicts."""
