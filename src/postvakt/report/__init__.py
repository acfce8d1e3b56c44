"""One file per format: each turns a Report into bytes and computes nothing but where things stand."""

from collections.abc import Callable, Mapping

import msgspec

from postvakt.model.report import Report
from postvakt.report import (
    attestation_form,
    csv_form,
    html_form,
    incident_form,
    json_form,
    markdown_form,
    navigator_form,
    oscal_form,
    stix_form,
    timeline_form,
    workbook_form,
)
from postvakt.report.json_form import parse, schema, schema_text

__all__ = ["FORMATS", "Form", "parse", "schema", "schema_text"]


class Form(msgspec.Struct, frozen=True):
    """A format: the word for it on the command line, its file's suffix, and its renderer.

    `kept`: every triage writes it; the others are written when somebody asks for them.
    """

    name: str
    suffix: str
    render: Callable[[Report], bytes]
    kept: bool = True


FORMATS: Mapping[str, Form] = {
    form.name: form
    for form in (
        Form("html", "html", html_form.render),
        Form("json", "json", json_form.render),
        Form("md", "md", markdown_form.render),
        Form("csv", "csv", csv_form.render),
        Form("workbook", "xlsx", workbook_form.render, kept=False),
        Form("incident", "incident.md", incident_form.render, kept=False),
        Form("attestation", "attestation.html", attestation_form.render, kept=False),
        Form("oscal", "oscal.json", oscal_form.render, kept=False),
        Form("stix", "stix.json", stix_form.render, kept=False),
        Form("navigator", "navigator.json", navigator_form.render, kept=False),
        Form("timeline", "timeline.jsonl", timeline_form.render, kept=False),
    )
}
