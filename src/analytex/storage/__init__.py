"""Storage: what an engine promises (`interface.py`), and the engines."""
