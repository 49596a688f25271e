"""What a bench switches and reads beside telephony: power of phones, and who says it is off."""
