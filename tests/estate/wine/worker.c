/* A process that holds what is to be found in a minidump, and a writer of that minidump.
 *
 *   worker.exe hold          holds it, and waits
 *   worker.exe dump PID OUT  writes the full minidump of a process, with the list of its regions
 *
 * Wine's MiniDumpWriteDump writes no list of regions: it is handed in as a stream, filled from VirtualQueryEx.
 */
#include <windows.h>
#include <dbghelp.h>

static const char request[] =
    "POST /ecp/y.js HTTP/1.1\r\nHost: mail.corp.example\r\nUser-Agent: python-requests/2.25.1\r\n"
    "Cookie: X-BEResource=a]@ex01.corp.example:444/ecp/proxyLogon.ecp?#~1941962754\r\n\r\n";
static const wchar_t command[] = L"cmd.exe /c whoami > C:\\inetpub\\wwwroot\\aspnet_client\\o.txt";

static unsigned char stream[1 << 20];

static unsigned regions(HANDLE process)
{
    MINIDUMP_MEMORY_INFO_LIST *list = (void *)stream;
    MINIDUMP_MEMORY_INFO *row = (void *)(list + 1);
    MEMORY_BASIC_INFORMATION info;
    unsigned char *at = 0;
    list->SizeOfHeader = sizeof *list;
    list->SizeOfEntry = sizeof *row;
    for (; VirtualQueryEx(process, at, &info, sizeof info) == sizeof info; at = (unsigned char *)info.BaseAddress + info.RegionSize) {
        if ((unsigned char *)(row + 1) > stream + sizeof stream)
            break;
        row->BaseAddress = (ULONG64)info.BaseAddress;
        row->AllocationBase = (ULONG64)info.AllocationBase;
        row->AllocationProtect = info.AllocationProtect;
        row->RegionSize = info.RegionSize;
        row->State = info.State;
        row->Protect = info.Protect;
        row->Type = info.Type;
        row++;
        list->NumberOfEntries++;
    }
    return (unsigned)((unsigned char *)row - stream);
}

static int dump(unsigned pid, const wchar_t *path)
{
    HANDLE process = OpenProcess(PROCESS_ALL_ACCESS, FALSE, pid);
    HANDLE file = CreateFileW(path, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    MINIDUMP_USER_STREAM more = {16, regions(process), stream};
    MINIDUMP_USER_STREAM_INFORMATION all = {1, &more};
    MINIDUMP_TYPE kind = MiniDumpWithFullMemory | MiniDumpWithHandleData | MiniDumpWithFullMemoryInfo;
    return !MiniDumpWriteDump(process, pid, file, kind, NULL, &all, NULL);
}

static void hold(void)
{
    HANDLE out = GetStdHandle(STD_OUTPUT_HANDLE);
    char *heap = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, 0x4000);
    unsigned char *code = VirtualAlloc(NULL, 0x3000, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE);
    char number[12];
    DWORD written, pid = GetCurrentProcessId(), at = sizeof number;
    for (unsigned i = 0; i < sizeof request; i++)
        heap[i] = request[i];
    for (unsigned i = 0; i < sizeof command / sizeof *command; i++)
        ((wchar_t *)(heap + 0x1000))[i] = command[i];
    code[0] = 'M';
    code[1] = 'Z';
    for (unsigned i = 0; i < 16; i++)
        code[0x100 + i] = "INJECTED-REGION"[i];
    number[--at] = '\n';
    for (; pid; pid /= 10)
        number[--at] = '0' + pid % 10;
    WriteFile(out, number + at, sizeof number - at, &written, NULL);
    Sleep(60000);
}

/* The command line: worker.exe hold | worker.exe dump PID OUT. */
void start(void)
{
    const wchar_t *word = GetCommandLineW();
    unsigned pid = 0;
    while (*word && *word != L' ')
        word++;
    while (*word == L' ')
        word++;
    if (*word != L'd') {
        hold();
        ExitProcess(0);
    }
    for (word += 5; *word >= L'0' && *word <= L'9'; word++)
        pid = pid * 10 + *word - L'0';
    ExitProcess(dump(pid, word + 1));
}
