"""analytex: a self-hosted realtime customer-data server."""

__version__ = "0.1.0"
