-- title: Records by day and source
-- about: A day without records where there should be some was not kept, not collected or removed.
-- columns: host, dataset, provider, day, records
select host, "event.dataset" as dataset, "event.provider" as provider, cast(time as date) as day, count(*) as records
from events
group by all
order by host, dataset, provider, day
