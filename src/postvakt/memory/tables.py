"""The tables that memory fills. Each row says where its structure stands in the image and how it was found."""

from postvakt.model.table import Column, LogSource, TableSpec

HOW = (
    Column(
        "method",
        about="list: Windows' own list; scan: the pool's tag; both; tree: regions; dump: told by a dump; table:"
        " Windows' own tables of handles, services, connections, keys",
    ),
    Column("tier", about="what read it: own, this program's reader; the name of an engine otherwise"),
    Column(
        "confidence",
        about="high: two ways agree, or another structure confirms it; medium: one way; low: one way, unchecked",
    ),
    Column(
        "physical", "int", unit="bytes", about="the structure's physical address; null in a program's dump"
    ),
)
PROCESS = (
    Column("ProcessId", "int"),
    Column("Image", kind="file_path", about="the program's path; its short name where no path is in memory"),
)
FLAGS = Column("flags", "strings", about="what stands out; each word is explained in the reference")

MEM_IMAGE = TableSpec(
    name="mem_image",
    title="Memory images: what they hold, which Windows, what could be seen of them",
    locator="offset",
    logsources=(LogSource(product="windows", service="mem_image"),),
    columns=(
        Column("container", about="raw, crash dump, LiME, ELF core, minidump"),
        Column(
            "holds",
            about="system: a machine and its programs; kernel: without these; program: one; unknown: not told",
        ),
        Column("bytes", "int", unit="bytes", about="of memory that are in the image"),
        Column("scanned", "int", unit="bytes", about="that the search for pool tags went over"),
        Column("highest", "int", unit="bytes", about="the first physical address after the last run"),
        Column("runs", "int"),
        Column("build", "int", about="of Windows; null where unknown"),
        Column(
            "build_from", about="shared-data, lab, header, rows (which row fits the most processes), dump"
        ),
        Column("build_text", about="NtBuildLab"),
        Column("offsets", about="the row of offsets that was used, and where it is from"),
        Column("product", about="server, domain controller, workstation"),
        Column(
            "directory", "int", about="physical address of the page table that the kernel was read through"
        ),
        Column("host", kind="host", about="COMPUTERNAME in the programs' environments"),
        Column("processes", "int"),
        Column("listed", "int", about="processes that Windows' list leads to"),
        Column("scanned_processes", "int", about="processes whose pool tag was found"),
        Column(
            "list_state",
            about="closed, broken or not found: only a closed list proves that something is hidden",
        ),
        Column("list_damage", "int", about="nodes of the list that hold no process"),
        Column("hidden", "pairs", about="pages that were asked for and not had, by reason"),
        Column("restored", "int", about="pages read through entries in transition or prototypes"),
        Column("symbols", about="name, GUID and age of the kernel's symbols, for an online machine to fetch"),
        Column("tier"),
    ),
    split="holds",
)

MEM_PROCESS = TableSpec(
    name="mem_process",
    title="Processes in memory, by Windows' list and by their pool tags; time is that of their start",
    locator="offset",
    logsources=(
        LogSource(category="process_creation", product="windows"),
        LogSource(product="windows", service="mem_process"),
    ),
    fields=(("NewProcessName", "Image"), ("ParentProcessName", "ParentImage")),
    columns=(
        *PROCESS,
        Column("CommandLine", kind="command_line", about="as the program's own memory has it"),
        Column("CurrentDirectory", kind="file_path"),
        Column("ParentProcessId", "int"),
        Column(
            "ParentImage", kind="file_path", about="of the process with that id that was there at the start"
        ),
        Column("ParentCommandLine", kind="command_line"),
        Column("Computer", kind="host", about="COMPUTERNAME of its environment"),
        Column("name", kind="file_name", about="as the kernel keeps it, 15 letters at most"),
        Column(
            "kernel_path", kind="file_path", about="as the kernel noted it for the audit, with its device"
        ),
        Column("created", "time"),
        Column("exited", "time"),
        Column("threads", "int"),
        Column("environment", "pairs"),
        Column("virtual", "int", about="the structure's virtual address, as a signed number"),
        Column("directory", "int", about="physical address of its page table"),
        FLAGS,
        *HOW,
    ),
)
"""`flags`: hidden (its neighbours in Windows' list point past it, and it has not exited), unlisted (no walk of the list
reaches it, which is broken), exited, no-tag (in the list, its pool tag not found), no-parent (none with that id is in
memory), name-differs (the path's file name is not the kernel's name), path-differs (its own memory tells another path
than the kernel noted), no-memory (its own memory is not in the image), 32-bit."""

MEM_MODULE = TableSpec(
    name="mem_module",
    title="Modules in memory: programs' libraries and the kernel's drivers; time is that of their loading",
    locator="offset",
    logsources=(
        LogSource(category="image_load", product="windows"),
        LogSource(product="windows", service="mem_module"),
    ),
    columns=(
        *PROCESS,
        Column("ImageLoaded", kind="file_path", about="its path"),
        Column("name", kind="file_name"),
        Column("base", "int", about="virtual address, as a signed number"),
        Column("size", "int", unit="bytes"),
        Column("linked", "time", about="the link time in its header; many are no time but a hash"),
        Column("kernel", "bool", about="a driver or another part of the kernel"),
        FLAGS,
        *HOW,
    ),
)
"""`flags`: no-region (no region of its file stands at its base), unlisted (its file stands in the process, and the
loader's list does not name it), hidden (a driver that the kernel's list leaves out), compiled (an App_Web module of
ASP.NET), not-system32 (no part of Windows' system folders)."""

MEM_REGION = TableSpec(
    name="mem_region",
    title="Regions of the programs' address spaces",
    locator="offset",
    logsources=(LogSource(product="windows", service="mem_region"),),
    columns=(
        *PROCESS,
        Column("start", "int", about="virtual address"),
        Column("size", "int", unit="bytes"),
        Column(
            "protection", about="of the first day (READWRITE, EXECUTE_READWRITE...); in a dump, of the moment"
        ),
        Column("executable", "bool", about="as the descriptor tells"),
        Column("private", "bool", about="of no file"),
        Column("image", "bool", about="of a program file"),
        Column("path", kind="file_path", about="of its file, without the volume"),
        Column("committed", "int", about="pages"),
        Column("present_pages", "int", about="in memory, at most 4096 are counted; null for shared regions"),
        Column("executable_pages", "int", about="of these, may run by their page table"),
        Column("writable_executable_pages", "int", about="of these, may run and be written"),
        Column("first_bytes", about="16 bytes, hexadecimal"),
        Column("sha256", kind="hash", about="of its first 4096 bytes"),
        FLAGS,
        *HOW,
    ),
)
"""`flags`: private-executable (may run, of no file), mz (begins as a program file does; told of private regions),
no-module (a program file that is in no list of the loader), written-code (private, may run by its page table though its
descriptor says otherwise)."""

MEM_NETCONN = TableSpec(
    name="mem_netconn",
    title="Network endpoints in memory, by their pool tags; time is that of their making",
    locator="offset",
    logsources=(
        LogSource(category="network_connection", product="windows"),
        LogSource(product="windows", service="mem_netconn"),
    ),
    fields=(("dst_ip", "DestinationIp"), ("src_ip", "SourceIp")),
    columns=(
        *PROCESS,
        Column("Protocol", about="tcp or udp"),
        Column("SourceIp", kind="ip", about="of this host; null where it is not in memory"),
        Column("SourcePort", "int"),
        Column("DestinationIp", kind="ip", about="of the other side; null for endpoints that wait"),
        Column("DestinationPort", "int"),
        Column("state", about="ESTABLISHED, LISTENING, CLOSED...; CLOSED may be long past"),
        *HOW,
    ),
)

MEM_HANDLE = TableSpec(
    name="mem_handle",
    title="What programs held open: files, keys, other programs, sections",
    locator="offset",
    logsources=(LogSource(product="windows", service="mem_handle"),),
    columns=(
        *PROCESS,
        Column("handle", "int"),
        Column("type", about="File, Key, Process, Thread, Section, Mutant..."),
        Column("object", about="its name, as far as it has one"),
        Column("access", "int", about="the rights that were granted, as a mask"),
        Column("virtual", "int", about="the object's virtual address, as a signed number"),
        *HOW,
    ),
)

MEM_SERVICE = TableSpec(
    name="mem_service",
    title="Services as the service control manager had them",
    locator="offset",
    logsources=(LogSource(product="windows", service="mem_service"),),
    columns=(
        *PROCESS,
        Column("service", about="its short name"),
        Column("display", about="its name for people"),
        Column("state", about="RUNNING, STOPPED..."),
        Column("starts", about="BOOT, SYSTEM, AUTO, DEMAND, DISABLED"),
        Column("type", about="OWN_PROCESS, SHARE_PROCESS, KERNEL_DRIVER..."),
        Column("account", kind="account"),
        Column("path", kind="file_path", about="its program, or the driver's object"),
        Column("CommandLine", kind="command_line", about="ImagePath of its key"),
        *HOW,
    ),
)

MEM_REGISTRY = TableSpec(
    name="mem_registry",
    title="Registry values of interest, read from the hives in memory; time is their key's last write",
    locator="offset",
    logsources=(
        LogSource(product="windows", service="registry"),
        LogSource(product="windows", service="mem_registry"),
    ),
    columns=(
        Column("key", kind="registry_key"),
        Column("value_name", kind="registry_value", about="empty for the key's default value"),
        Column("TargetObject", kind="registry_key", about="key and name, as Sysmon writes it"),
        Column("Details", about="texts as they are, numbers in decimal, the rest in hexadecimal"),
        Column("type", about="REG_SZ, REG_DWORD..."),
        *HOW,
    ),
)

TABLES = (
    MEM_IMAGE, MEM_PROCESS, MEM_MODULE, MEM_REGION, MEM_NETCONN, MEM_HANDLE, MEM_SERVICE, MEM_REGISTRY,
)  # fmt: skip
"""The last three are told by engines, not by this program's own reader."""
OWN = "own"
