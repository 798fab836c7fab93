"""Profiles of users and companies: what is known about each, property by property."""

from enum import StrEnum

import msgspec

from analytex.domain.values import Json, Stamp


class ProfileKind(StrEnum):
    """What a profile describes."""

    USER = "user"
    COMPANY = "company"


class Profile(msgspec.Struct, kw_only=True):
    """What users and companies have in common."""

    environment_id: int
    id: str  #: user_id or company_id
    properties: dict[str, Json]  #: those that have a value
    stamps: dict[str, Stamp]  #: when each property was last set or removed
    first_seen_at: int  #: earliest call that named it; microseconds since 1970-01-01 UTC
    identified_at: int | None = None  #: newest identify; None: known from other calls only

    @property
    def last_seen_at(self) -> int:
        """The newest identify, else the first call that named it."""
        return self.first_seen_at if self.identified_at is None else self.identified_at


class User(Profile, kw_only=True):
    """A user, who belongs to one company at a time."""

    company_id: str | None = None
    company_stamp: Stamp | None = None


class Company(Profile, kw_only=True):
    """A company (account, group, organisation)."""


class ProfileFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which users or companies are looked for; everything must fit."""

    begin: str = ""  #: how the id begins
    company_id: str | None = None  #: of users: that belong to it
    text: str | None = None  #: is in a value, whatever the case of the letters a to z
