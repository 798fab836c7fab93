"""The pages of companies."""

from starlette.routing import Route

from analytex.console.pages import Console
from analytex.console.profiles import COMPANIES
from analytex.console.profiles_pages import Profiles


def routes(console: Console) -> list[Route]:
    """Return the pages."""
    return Profiles(console, COMPANIES).routes()
