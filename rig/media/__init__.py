"""Audio of calls: RTP, G.711, RFC 4733 digits, and prompts that a program can recognise."""
