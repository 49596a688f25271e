"""How files reach handsets: TFTP, HTTP, and the record of every fetch."""
