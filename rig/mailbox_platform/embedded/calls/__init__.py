"""Routes calls: who rings, who diverts, who transfers."""
