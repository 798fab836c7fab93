"""What a key may do."""

import pytest

from analytex.domain.environments import Permission, Scope

EVERYTHING = frozenset(Permission)


@pytest.mark.parametrize(
    ("given", "may"),
    [
        ({Permission.INGEST}, {Permission.INGEST}),
        ({Permission.READ}, {Permission.READ}),
        ({Permission.INGEST, Permission.READ}, {Permission.INGEST, Permission.READ}),
        ({Permission.ADMIN}, EVERYTHING),
        (set(), set()),
    ],
    ids=["ingest", "read", "ingest and read", "admin", "nothing"],
)
def test_admin_may_do_all_and_others_only_what_they_were_given(
    given: set[Permission], may: set[Permission]
) -> None:
    """A key in a web page's code should be able to send, not to read."""
    scope = Scope(environment_id=1, app_token="NX-1", key_id="k", permissions=frozenset(given))
    assert {permission for permission in Permission if scope.may(permission)} == may
