"""A part of OSCAL's assessment results as a JSON Schema, written by hand from NIST's model reference: the objects that
we write, what each must hold, and that it holds nothing else. It is no copy of NIST's schema and does not stand for it.
"""

from typing import Any

UUID = {
    "type": "string",
    "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
}
TEXT = {"type": "string", "pattern": r"^\S(.*\S)?$"}
TOKEN = {"type": "string", "pattern": r"^[A-Za-z_][A-Za-z0-9_.\-]*$"}
TIME = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$"}


def listed(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": of}


def object_of(needed: dict[str, Any], **also: Any) -> dict[str, Any]:
    properties = {name.replace("_", "-"): kind for name, kind in (needed | also).items()}
    return {
        "type": "object",
        "properties": properties,
        "required": [name.replace("_", "-") for name in needed],
        "additionalProperties": False,
    }


PROP = object_of({"name": TOKEN, "value": TEXT}, ns=TEXT, uuid=UUID, remarks=TEXT)
PROPS = listed(PROP)
SUBJECT = object_of({"subject_uuid": UUID, "type": TOKEN}, title=TEXT)
STATUS = object_of({"state": {"enum": ["satisfied", "not-satisfied"]}}, reason=TOKEN, remarks=TEXT)
TARGET = object_of({"type": {"enum": ["objective-id", "statement-id"]}, "target_id": TOKEN, "status": STATUS})
OBSERVATION = object_of(
    {"uuid": UUID, "description": TEXT, "methods": listed(TEXT), "collected": TIME},
    title=TEXT,
    props=PROPS,
    types=listed(TOKEN),
    subjects=listed(SUBJECT),
    relevant_evidence=listed(object_of({"description": TEXT})),
    remarks=TEXT,
)
RISK = object_of(
    {"uuid": UUID, "title": TEXT, "description": TEXT, "statement": TEXT, "status": TOKEN}, deadline=TIME
)
FINDING = object_of(
    {"uuid": UUID, "title": TEXT, "description": TEXT, "target": TARGET},
    props=PROPS,
    related_observations=listed(object_of({"observation_uuid": UUID})),
    related_risks=listed(object_of({"risk_uuid": UUID})),
)
COMPONENT = object_of(
    {
        "uuid": UUID,
        "type": TEXT,
        "title": TEXT,
        "description": TEXT,
        "status": object_of(
            {"state": {"enum": ["under-development", "operational", "disposition", "other"]}}
        ),
    },
    props=PROPS,
)
SELECTION = object_of(
    {},
    description=TEXT,
    include_all={"type": "object"},
    include_controls=listed(object_of({"control_id": TOKEN})),
)
RESULT = object_of(
    {
        "uuid": UUID,
        "title": TEXT,
        "description": TEXT,
        "start": TIME,
        "reviewed_controls": object_of({"control_selections": listed(SELECTION)}),
    },
    end=TIME,
    local_definitions=object_of({}, components=listed(COMPONENT)),
    observations=listed(OBSERVATION),
    risks=listed(RISK),
    findings=listed(FINDING),
)
METADATA = object_of(
    {"title": TEXT, "last_modified": TIME, "version": TEXT, "oscal_version": TEXT},
    props=PROPS,
    roles=listed(object_of({"id": TOKEN, "title": TEXT})),
)
RESOURCE = object_of({"uuid": UUID}, title=TEXT, description=TEXT, props=PROPS)
SUBSET = object_of(
    {
        "assessment_results": object_of(
            {
                "uuid": UUID,
                "metadata": METADATA,
                "import_ap": object_of({"href": TEXT}, remarks=TEXT),
                "results": listed(RESULT),
            },
            back_matter=object_of({}, resources=listed(RESOURCE)),
        )
    }
)
