"""The built-in One Net style platform."""
