"""SIP plug and play: a new phone asks the network for its files by a SUBSCRIBE to everybody."""
