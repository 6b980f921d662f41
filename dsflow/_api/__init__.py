"""What `from dsflow import ...` gives: declarations, with what leads from them to commands."""
