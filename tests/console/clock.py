"""A clock for tests."""


class Clock:
    """Stands still until it is moved; Unix seconds."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now
