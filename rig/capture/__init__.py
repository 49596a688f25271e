"""Packets in, SIP messages and RTP streams on the timeline out."""
