"""Sans-IO SIP: bytes in, events out; imports no clock, socket, loop or randomness."""
