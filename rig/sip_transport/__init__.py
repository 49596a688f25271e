"""asyncio sockets that run the SIP cores."""
