"""The settings page: what owners of mailboxes and the administrator set by browser."""
