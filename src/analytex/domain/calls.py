"""The three real-time calls."""

from enum import IntEnum


class Call(IntEnum):
    """Which call a record holds. The numbers are part of the log's format and never change."""

    IDENTIFY = 1
    IDENTIFY_COMPANY = 2
    TRACK = 3
