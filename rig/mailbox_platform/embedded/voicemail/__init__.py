"""The mailbox as a SIP endpoint, and what its owner sets."""
