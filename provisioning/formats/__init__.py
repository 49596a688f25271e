"""One reader per vendor syntax, independent of the templates that write it."""
