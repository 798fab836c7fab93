"""`docs/http-api.md` names every call, every field and every error."""

import re
from pathlib import Path
from typing import Final, cast

import msgspec
import pytest

from analytex import errors
from analytex.http.asgi import routes
from analytex.http.deps import Deps
from analytex.http.errors import INTERNAL, STATUS
from analytex.wire import (
    bodies,
    export_replies,
    insight_replies,
    job_replies,
    lookup_replies,
    quarantine_replies,
    replies,
)

PAGE: Final = (Path(__file__).parents[2] / "docs" / "http-api.md").read_text("utf-8")


def test_every_call_has_a_heading_and_every_heading_a_call() -> None:
    """A call that is not on the page does not exist, and the page promises none that is missing."""
    offered = set()
    for route in routes(cast(Deps, None)):  # a route needs them only when it is asked
        path = re.sub(r"{(\w+):\w+}", r"{\1}", route.path)
        offered |= {f"{method} {path}" for method in (route.methods or set()) - {"HEAD"}}
    headed = set(re.findall(r"^### `([A-Z]+ /\S*)`$", PAGE, re.MULTILINE))

    assert headed == offered


def test_every_error_has_its_row() -> None:
    """Programs decide by the status and the code, and people read the message."""
    listed = [(status, kind) for kind, status in STATUS.items()]
    listed.append((INTERNAL, errors.AnalytexError))
    expected = [
        f"| {status} | `{kind.code}` | {(kind.__doc__ or '').splitlines()[0]} |"
        for status, kind in sorted(listed, key=lambda row: (row[0], row[1].code))
    ]
    rows = re.findall(r"^\| [1-5]\d\d \| `.*$", PAGE, re.MULTILINE)

    assert rows == expected


def test_an_error_without_a_status_never_answers_a_request() -> None:
    """They belong to the command line; a new one must be given a status, or stand here."""
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    family = {kind for kind in kinds if issubclass(kind, errors.AnalytexError)}

    assert family - set(STATUS) == {
        errors.AnalytexError,
        errors.Retryable,
        errors.SettingsError,
        errors.DataDirectoryError,
        errors.BackupError,
        errors.Conflict,
    }


@pytest.mark.parametrize(
    "shape",
    [
        bodies.IdentifyBody,
        bodies.IdentifyCompanyBody,
        bodies.TrackBody,
        replies.UserReply,
        replies.CompanyReply,
        replies.EventReply,
        replies.ErrorItem,
        replies.ListMetadata,
        replies.Cursor,
        job_replies.JobReply,
        job_replies.RowErrorReply,
        job_replies.DeletionReply,
        quarantine_replies.RefusedReply,
        quarantine_replies.QuarantineMetadata,
        quarantine_replies.GapReply,
        export_replies.CreatedReply,
        export_replies.ExportReply,
        export_replies.FileReply,
        export_replies.ExportItem,
        lookup_replies.PropertyReply,
        lookup_replies.EventNameReply,
        lookup_replies.EventPropertyReply,
        lookup_replies.EventRef,
        insight_replies.TrendsReply,
        insight_replies.SeriesReply,
        insight_replies.FunnelReply,
        insight_replies.StepReply,
        insight_replies.RetentionReply,
        insight_replies.CohortReply,
        insight_replies.PeriodReply,
        insight_replies.TopReply,
        insight_replies.TopItemReply,
    ],
)
def test_every_field_is_named(shape: type[msgspec.Struct]) -> None:
    """A field that is not on the page cannot be relied on."""
    named = set(re.findall(r'[`"](\w+)[`"]', PAGE))

    assert set(shape.__struct_fields__) - named == set()
