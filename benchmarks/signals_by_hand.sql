with fixes as (
    select tenant_id, person_id, epoch_us(occurred_at) // 3600000000 as slot, epoch_us(occurred_at) // 1000000 as second, occurred_at, latitude, longitude,
           coalesce(accuracy_meters, 0) as accuracy, coalesce(accuracy_meters, 0) <= 100 as usable
    from location_updates where latitude is not null and longitude is not null
), paired as (
    select *, lag(latitude) over trail as from_latitude, lag(longitude) over trail as from_longitude, lag(accuracy) over trail as from_accuracy,
           second - lag(second) over trail as elapsed
    from fixes window trail as (partition by tenant_id, person_id, slot, usable order by occurred_at, latitude, longitude, accuracy)
), middles as (
    select *, radians((latitude + from_latitude) / 2) as middle, latitude - from_latitude as north,
           least(abs(longitude - from_longitude), 360 - abs(longitude - from_longitude)) as east
    from paired
), legs as (
    select *, case when abs(north) <= 1 and east <= 1 then sqrt(
                  power(6378137.0 * (1 - 0.0066943799901413165) / power(1 - 0.0066943799901413165 * power(sin(middle), 2), 1.5) * radians(north), 2)
                + power(6378137.0 / sqrt(1 - 0.0066943799901413165 * power(sin(middle), 2)) * cos(middle) * radians(east), 2))
              when abs(north) > 1 or east > 1 then 2 * 6371008.8 * asin(sqrt(least(1.0,
                  power(sin(radians(north) / 2), 2) + cos(radians(latitude)) * cos(radians(from_latitude)) * power(sin(radians(east) / 2), 2)))) end as apart
    from middles
), location as (
    select tenant_id, person_id, slot, count(*) as fixes, count(*) filter (usable) as usable_fixes,
           sum(case when apart * apart <= (accuracy * accuracy + coalesce(from_accuracy * from_accuracy, 0)) * (ln(0.05) / ln(0.32)) then 0 when apart <= elapsed * (150 / 3.6) then apart
                    when apart > elapsed * (150 / 3.6) then elapsed * (150 / 3.6) end) filter (usable) as meters
    from legs group by all
), phone as (
    select tenant_id, person_id, epoch_us(occurred_at) // 3600000000 as slot, count(*) as phone_events from device_events group by all
), work as (
    select tenant_id, coalesce(performed_by, person_id) as person_id, epoch_us(ended_at) // 3600000000 as slot,
           count(distinct jobneed_id) filter (identifier not in ('INTERNALTOUR', 'EXTERNALTOUR') and status = 'COMPLETED') as tasks,
           count(distinct jobneed_id) filter (identifier in ('INTERNALTOUR', 'EXTERNALTOUR') and parent_id is not null
               and status <> 'AUTOCLOSED' and coalesce(scan_type, '') <> 'SKIP') as checkpoints
    from jobneeds where ended_at is not null and abs(epoch(occurred_at) - epoch(ended_at)) < 86400 group by all
), due as (
    select tenant_id, person_id, epoch_us(planned_at) // 3600000000 as slot,
           count(distinct jobneed_id) filter (identifier not in ('INTERNALTOUR', 'EXTERNALTOUR')) as tasks_due,
           count(distinct jobneed_id) filter (identifier in ('INTERNALTOUR', 'EXTERNALTOUR') and parent_id is not null) as checkpoints_due
    from jobneeds where planned_at is not null and abs(epoch(occurred_at) - epoch(planned_at)) < 86400 group by all
), hours as (
    select tenant_id, person_id, site_id, starts_at, ends_at, unnest(range(epoch_us(starts_at) // 3600000000, (epoch_us(ends_at) + 3599999999) // 3600000000)) as slot
    from noc_shift where not coalesce(is_cancelled, false)
), duty as (
    select tenant_id, person_id, slot, arg_max(site_id, starts_at) as duty_site_id,
           arg_max(least(epoch_us(ends_at) // 1000000, (slot + 1) * 3600) - greatest(epoch_us(starts_at) // 1000000, slot * 3600), starts_at) as duty_seconds from hours group by all
), gathered as (
    select tenant_id, person_id, slot, phone_events, fixes, usable_fixes, meters, tasks, checkpoints, tasks_due, checkpoints_due, duty_site_id, duty_seconds
    from phone full join location using (tenant_id, person_id, slot) full join work using (tenant_id, person_id, slot)
    full join due using (tenant_id, person_id, slot) full join duty using (tenant_id, person_id, slot)
), feeds as (
    select tenant_id, day, bool_or(stream = 'device_events') as device_feed, bool_or(stream = 'location_updates') as location_feed,
           bool_or(stream = 'jobneeds') as jobneed_feed
    from noc_telemetry_day group by all
)
select g.tenant_id, g.person_id, g.bucket, g.bucket::date as day,
       case when r.tenant_id is null then p.site_id else duty_site_id end as site_id,
       case when f.device_feed and coalesce(phone_events, 0) + coalesce(fixes, 0) > 0 then coalesce(phone_events, 0) end as phone_events_count,
       case when f.location_feed and coalesce(phone_events, 0) + coalesce(fixes, 0) > 0 then coalesce(fixes, 0) end as location_updates_count,
       case when usable_fixes >= 2 then coalesce(meters, 0) end as movement_distance_meters,
       case when f.jobneed_feed and coalesce(tasks, 0) + coalesce(tasks_due, 0) > 0 then coalesce(tasks, 0) end as tasks_completed_count,
       case when f.jobneed_feed and coalesce(checkpoints, 0) + coalesce(checkpoints_due, 0) > 0 then coalesce(checkpoints, 0) end as tour_checkpoints_scanned,
       coalesce(usable_fixes, 0) as usable_fixes, coalesce(tasks_due, 0) as tasks_due, coalesce(checkpoints_due, 0) as checkpoints_due,
       case when r.tenant_id is not null then duty_site_id is not null end as is_on_duty,
       case when r.tenant_id is not null then coalesce(duty_seconds, 0) end as duty_seconds, duty_site_id is not null as is_rostered,
       coalesce(phone_events, 0) + coalesce(fixes, 0) > 0 as is_reporting,
       coalesce(f.device_feed, false) as has_device_feed, coalesce(f.location_feed, false) as has_location_feed, coalesce(f.jobneed_feed, false) as has_jobneed_feed
from (select *, to_timestamp(slot * 3600) as bucket from gathered) g
left join feeds f on f.tenant_id = g.tenant_id and f.day = g.bucket::date
left join noc_roster_tenant r on r.tenant_id = g.tenant_id
left join noc_person p on p.tenant_id = g.tenant_id and p.person_id = g.person_id
