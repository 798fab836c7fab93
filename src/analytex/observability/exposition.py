"""The text that Prometheus reads (its exposition format, version 0.0.4)."""

from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Final, Literal, NamedTuple

from analytex.observability.meters import Counts

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPED: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Sample(NamedTuple):
    """A value with its labels, or a whole histogram."""

    labels: Mapping[str, str]
    value: float | Counts


class Family(NamedTuple):
    """A metric: what it is called, what it means, and its samples."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str  #: a sentence
    samples: list[Sample]


def render(families: Iterable[Family]) -> str:
    """Return the text; families without a sample are left out."""
    lines: list[str] = []
    for name, kind, help, samples in families:
        if not samples:
            continue
        lines += [f"# HELP {name} {help}", f"# TYPE {name} {kind}"]
        for labels, value in samples:
            if isinstance(value, Counts):
                lines += _histogram(name, labels, value)
            else:
                lines.append(f"{name}{_labels(labels)} {_number(value)}")
    return "\n".join(lines) + "\n"


def _histogram(name: str, labels: Mapping[str, str], counts: Counts) -> Iterable[str]:
    upto = list(accumulate(counts.counts))
    bounds = [*map(_number, counts.bounds), "+Inf"]
    for bound, count in zip(bounds, upto, strict=True):
        yield f"{name}_bucket{_labels({**labels, 'le': bound})} {count}"
    yield f"{name}_sum{_labels(labels)} {_number(counts.sum)}"
    yield f"{name}_count{_labels(labels)} {upto[-1]}"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = ",".join(f'{k}="{v.translate(_ESCAPED)}"' for k, v in labels.items())
    return f"{{{pairs}}}"


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(value)
