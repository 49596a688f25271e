"""The voice portal's dialogue: keys in, prompts out."""
