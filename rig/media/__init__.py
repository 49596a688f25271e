"""RTP, G.711, RFC 4733 digits, tones, WAV and greeting identification."""
