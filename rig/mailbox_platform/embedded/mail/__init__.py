"""Mail about messages: what is sent, and a queue that survives."""
