-- title: Services installed and tasks registered
-- about: Both stay over a restart. Names that no administrator knows are worth a look.
-- columns: host, time, channel, event, told, source, locator
select h.host, e.time, e."Channel" as channel, e."EventID" as event,
       array_to_string(list_transform(e."EventData", lambda p: coalesce(p.name || '=', '') || coalesce(p.value, '')), ' | ') as told,
       e.source, e.locator
from event e left join hosts h using (evidence, source)
where (e."EventID" in (7045, 4697) and e."Channel" in ('System', 'Security'))
   or (e."EventID" in (4698, 4702) and e."Channel" = 'Security')
   or (e."EventID" in (106, 140) and e."Channel" = 'Microsoft-Windows-TaskScheduler/Operational')
order by e.time, h.host, e.locator
