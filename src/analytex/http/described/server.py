"""The server itself."""

from typing import Final

from analytex.http.described.operation import Content, Operation, Section
from analytex.observability.health import Readiness

_READY: Final = Content(Readiness, example={"ready": True, "reasons": []})
_NOT_READY: Final = Content(
    Readiness,
    example={
        "ready": False,
        "reasons": [
            {"code": "applier_not_running", "message": "Nothing is applied at the moment."}
        ],
    },
)

SECTION: Final = Section(
    "The server itself",
    "For those who run it.",
    (
        Operation(
            "GET /healthz",
            "Tell whether a worker answers.",
            text="It does not look at the disk; `/readyz` does.",
            key="none",
            gives={
                200: (
                    Content(
                        schema={
                            "type": "object",
                            "required": ["status"],
                            "properties": {"status": {"const": "ok"}},
                        },
                        example={"status": "ok"},
                    ),
                )
            },
        ),
        Operation(
            "GET /readyz",
            "Tell whether the server is fit for work, and if not, why.",
            text="503 if the log cannot be written or read, nothing is applied, calls wait too "
            "long to be applied, or the disk is nearly full.",
            key="none",
            gives={200: (_READY,), 503: (_NOT_READY,)},
        ),
        Operation(
            "GET /metrics",
            "Show numbers about the server, for Prometheus.",
            text="Without a key on the machine itself; from elsewhere with an admin key, unless "
            "the setting `metrics_open` says otherwise.",
            key="local admin",
            gives={200: (Content(schema={"type": "string"}, media="text/plain"),)},
        ),
        Operation(
            "GET /openapi.json",
            "Show this description, for programs.",
            key="none",
            gives={
                200: (
                    Content(
                        schema={
                            "type": "object",
                            "required": ["openapi", "info", "paths"],
                            "properties": {"openapi": {"type": "string"}},
                        }
                    ),
                )
            },
        ),
        Operation(
            "GET /docs",
            "Show this description, for people.",
            key="none",
            gives={200: (Content(schema={"type": "string"}, media="text/html"),)},
        ),
        Operation(
            "GET /",
            "Tell the server's name and version.",
            key="none",
            gives={
                200: (
                    Content(
                        schema={
                            "type": "object",
                            "required": ["name", "version"],
                            "properties": {
                                "name": {"type": "string"},
                                "version": {"type": "string"},
                            },
                        },
                        example={"name": "analytex", "version": "0.1.0"},
                    ),
                )
            },
        ),
    ),
)
