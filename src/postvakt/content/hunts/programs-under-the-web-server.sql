-- title: Programs that the web server or Unified Messaging started
-- about: w3wp.exe and UMWorkerProcess.exe start few programs on their own (the compiler of pages among them).
-- columns: host, time, channel, parent, program, command_line, source, locator
select host, time, channel, parent, program, command_line, source, locator
from (
    select h.host, e.time, e."Channel" as channel,
           coalesce(list_filter(e."EventData", lambda p: p.name = 'ParentProcessName')[1].value,
                    list_filter(e."EventData", lambda p: p.name = 'ParentImage')[1].value) as parent,
           coalesce(list_filter(e."EventData", lambda p: p.name = 'NewProcessName')[1].value,
                    list_filter(e."EventData", lambda p: p.name = 'Image')[1].value) as program,
           list_filter(e."EventData", lambda p: p.name = 'CommandLine')[1].value as command_line,
           e.source, e.locator
    from event e left join hosts h using (evidence, source)
    where e."EventID" in (1, 4688)
)
where regexp_matches(lower(parent), '(w3wp|umworkerprocess|umservice)\.exe$')
order by time, host, locator
