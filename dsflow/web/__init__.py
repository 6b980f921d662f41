"""What dsflow's own HTTP servers have in common: who may ask, and how much one client may take."""
