"""Charts as pure functions that return SVG or HTML, safe to put into a page as it is.

There are libraries, and none fits: pygal, the best kept of the small ones, writes a `<style>` and a
`<script>` into each picture, which the console's Content-Security-Policy forbids, has no types and
no axis of times in a zone; the others are larger than this, or draw in the browser.

What a chart has: its title and a description for those who cannot see it, text in real text
elements that keeps its size at any width, hover values (`<title>`, and a tooltip by
`static/charts.js`), and its numbers as a table. Colours and sizes of text are in
`static/charts.css` alone. Names are escaped, whatever they hold; ids are the caller's own words.
"""

from analytex.console.charts.calendar import calendar
from analytex.console.charts.funnel import Step, funnel
from analytex.console.charts.over_time import over_time
from analytex.console.charts.ranked import Ranked, ranked
from analytex.console.charts.retention import Row, retention
from analytex.console.charts.shapes import Kind, Series
from analytex.console.charts.spark import sparkline

__all__ = [
    "Kind",
    "Ranked",
    "Row",
    "Series",
    "Step",
    "calendar",
    "funnel",
    "over_time",
    "ranked",
    "retention",
    "sparkline",
]
