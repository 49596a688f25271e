"""The right half: handsets, mailbox platform, capture, lamps, verdicts and reports."""
