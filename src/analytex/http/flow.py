"""When a connection is read from, so that what it has sent and not fetched stays bounded."""

import asyncio
from collections import deque
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl


class Flow(FlowControl):
    """uvicorn's, but nothing is read while replies pile up or requests wait for their turn.

    uvicorn goes on reading after each reply, though a packet holds thousands of small requests.
    """

    def __init__(self, transport: asyncio.Transport, pipeline: deque[Any]) -> None:
        super().__init__(transport)
        self._pipeline = pipeline
        self.stuck_ticks = 0  #: counted by the connection while nothing of its replies is fetched

    def resume_reading(self) -> None:
        """Read on, if there is room for more."""
        if not self.write_paused and not self._pipeline:
            super().resume_reading()

    def pause_writing(self) -> None:
        """Take no more from a sender that does not read its replies."""
        super().pause_writing()
        self.pause_reading()

    def resume_writing(self) -> None:
        """Go on once the replies have left."""
        self.stuck_ticks = 0
        super().resume_writing()
        self.resume_reading()
