"""The console: pages for a browser, rendered on the server."""
