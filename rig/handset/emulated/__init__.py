"""A handset in software that boots as its model does."""
