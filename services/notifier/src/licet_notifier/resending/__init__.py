"""Sending again what failed for a cause that has been mended."""
