"""The names that content may use: log sources, tables, coverage. A test holds them to the parsers' own tables."""

SERVICES = frozenset((
    "cmdlet_infra", "directory_object", "ecp_activity", "ecp_server", "ews", "exchange_log",
    "exchange_object", "exchange_setup", "file", "http_proxy", "iis_config", "message_tracking", "mitigation_service",
    "msert", "oab_generator", "test_proxylogon",
    "transport_agent",
))  # fmt: skip
"""Services of the log source `product: exchange`."""

CATEGORIES = frozenset(
    ("create_remote_thread", "file_event", "image_load", "process_access", "process_creation", "ps_script",
     "registry_delete", "registry_set", "webserver", "wmi_event")
)  # fmt: skip
WINDOWS_SERVICES = frozenset((
    "application", "security", "system", "sysmon", "msexchange-management", "windefend", "powershell", "file",
    "iis-configuration", "mem_carved", "mem_handle", "mem_module", "mem_netconn", "mem_process", "mem_region",
    "mem_registry", "mem_service", "mft",
    "powershell_history", "prefetch", "registry", "registry_trace", "scheduled_task",
    "taskscheduler", "terminalservices-localsessionmanager", "usn", "wmi",
))  # fmt: skip

TABLES = frozenset((
    "certificate", "cmdlet_infra", "directory_object", "ecp_activity", "ecp_server", "event", "ews", "exchange_log",
    "exchange_object", "exchange_setup", "file", "http_proxy", "httperr", "iis", "iis_config", "mem_carved",
    "mem_handle", "mem_image", "mem_module", "mem_netconn", "mem_process", "mem_region", "mem_registry",
    "mem_service", "mem_yara", "message_tracking",
    "mft_entry", "mitigation_service", "msert", "nmap", "oab_generator", "powershell_history", "prefetch",
    "registry_key", "registry_trace", "registry_value", "scheduled_task", "test_proxylogon", "transport_agent",
    "usn_record",
))  # fmt: skip

COVERAGE = TABLES | {"memory"}
"""What can be read; `memory` is an image of a machine's memory with that of its programs."""

RUNS = ("msert-full", "msert-quick", "test-proxylogon")
"""Scans and checks whose runs are told, by the ids of their rows."""

SPLIT = frozenset((
    "cmdlet_infra", "event", "exchange_log", "file", "http_proxy", "iis", "mem_carved", "mem_image", "mem_yara",
    "registry_key", "registry_trace", "registry_value",
))  # fmt: skip
"""Tables whose coverage is also counted by a value of their own: `event:Security`, `file:web`."""


def is_log_source(source: dict[str, object]) -> bool:
    """Tell whether rows of ours can belong to a Sigma log source."""
    product, category, service = (source.get(part) for part in ("product", "category", "service"))
    if product == "exchange":
        return category is None and service in SERVICES
    if product == "windows":
        if service is None:
            return (
                category is None or category in CATEGORIES
            )  # neither: every event, told apart by channel and id
        return category is None and service in WINDOWS_SERVICES
    return product is None and service is None and category == "webserver"


def is_coverage(name: str) -> bool:
    """Tell whether coverage is counted under this name."""
    table, split, value = name.partition(":")
    return table in COVERAGE and (not split or (table in SPLIT and bool(value)))
