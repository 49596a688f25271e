"""The trial of the verdicts: every seeded fault in turn, its healthy twin, pairs, clean runs."""
