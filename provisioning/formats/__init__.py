"""One reader and writer per vendor syntax."""
