"""HTTP: the fast way for the three real-time calls, the ASGI way for everything else."""
