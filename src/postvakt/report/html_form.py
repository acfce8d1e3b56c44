"""The report as one HTML file that loads nothing and works with scripts switched off."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from postvakt.model.report import Report
from postvakt.report import text, times, words
from postvakt.report.layout import FULL, UNFOLDED, host_lines, host_page, limits, refused_rules
from postvakt.report.overview import overview


def render(report: Report) -> bytes:
    """Return the page as UTF-8. The policy in it names its own style and script by their hashes."""
    style = _asset("page.css").replace("/*TLP*/", _margin_mark(report.tlp))
    script = _asset("page.js")
    lines = host_lines(report)
    told = [(line, limit) for place, line in enumerate(lines, start=1) if (limit := limits(place))]
    written = (
        _environment()
        .get_template("page.html.jinja")
        .render(
            report=report,
            lines=lines,
            overview=overview([line.row for line in lines]),
            # One at a time: a page of a thousand hosts is written without holding a thousand layouts.
            hosts=(host_page(line, report, limit) for line, limit in told),
            told=len(told),
            folded=len(lines) > UNFOLDED,
            most=FULL.rows,
            refused=refused_rules(report.rules.not_asked),
            narrowed=refused_rules(report.rules.narrowed),
            style=Markup(style),
            script=Markup(script),
            policy=Markup(policy(style, script)),
        )
    )
    return written.encode("utf-8")


def policy(style: str, script: str = "") -> str:
    """Return the Content-Security-Policy: nothing is loaded, and only these two texts are obeyed; without
    a script none is."""
    scripts = f"script-src '{_hash(script)}'; " if script else ""
    return f"default-src 'none'; style-src '{_hash(style)}'; {scripts}base-uri 'none'; form-action 'none'"


def printed(name: str, style: str, **told: object) -> bytes:
    """Return a page without script, from a template and its style, as UTF-8."""
    sheet = _asset(style)
    page = _environment().get_template(name)
    return page.render(style=Markup(sheet), policy=Markup(policy(sheet)), **told).encode("utf-8")


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def _margin_mark(mark: str) -> str:
    """Return the mark for the margin of printed pages; only the protocol's own words reach the style."""
    return words.tlp(mark) if words.tlp_colour(mark) else ""


@cache
def _asset(name: str) -> str:
    return files("postvakt.report").joinpath("templates", name).read_text(encoding="utf-8").strip()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("postvakt.report", "templates"),
        autoescape=True,
        finalize=text.finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "attribute": text.attribute,
        "coded": text.coded,
        "count": words.count,
        "size": words.size,
        "utc": times.utc,
        "minute": times.minute,
        "machine": times.machine,
        "span": times.span,
    }
    environment.globals |= {"words": words}
    return environment
