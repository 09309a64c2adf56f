with once as (
    select *, epoch_us(occurred_at) // 60000000 as minute,
           case severity when 'CRITICAL' then 4 when 'HIGH' then 3 when 'MEDIUM' then 2 when 'LOW' then 1 else 0 end::bigint as alert_rank
    from alerts where coalesce(site_id, person_id) is not null
    qualify row_number() over (partition by tenant_id, alert_id, minute order by alert_rank desc, occurred_at, event_id) = 1
), worst as (
    select *, epoch_us(occurred_at) // 3600000000 as bucket,
           case when alert_type in ('DEVICE_OFFLINE', 'SYNC_DEGRADED') then 1
                when alert_type in ('GEOFENCE_BREACH', 'GPS_SPOOFING', 'GPS_LOW_ACCURACY', 'DEVICE_SPOOF', 'UNAUTHORIZED_SITE_ACCESS') then 2
                when alert_type in ('TOUR_OVERDUE', 'TOUR_INCOMPLETE') then 4 when alert_type = 'GUARD_INACTIVITY' then 8
                when alert_type = 'WORK_ORDER_OVERDUE' then 16
                when alert_type in ('ATTENDANCE_MISSING', 'ATTENDANCE_ANOMALY') then 32 else 0 end as asks
    from once
    qualify row_number() over (partition by tenant_id, coalesce(site_id, person_id), minute order by alert_rank desc, occurred_at, event_id) <= 100
), told as (
    select tenant_id, person_id, site_id, since, window_end,
           since - interval 15 minute as earliest, window_end + interval 15 minute as latest,
           case when is_unheard or phone_events_count < 5 then 1 else 0 end
           + case when is_outside or is_without_position or location_updates_count < 3 then 2 else 0 end
           + case when misses_checkpoints then 4 else 0 end + case when is_still or is_idle then 8 else 0 end
           + case when misses_tasks then 16 else 0 end + case when is_unheard then 32 else 0 end as says,
           case when is_idle then 3 when is_quiet or is_unheard then 2
                when is_outside or is_without_position or misses_checkpoints or misses_tasks then 1 else 0 end::bigint as signal_rank
    from windows
), bucketed as (
    select *, unnest(range(epoch_us(earliest) // 3600000000, epoch_us(latest) // 3600000000 + 1)) as bucket from told
), paired as (
    select w.*, a.event_id, a.alert_id, a.occurred_at, a.asks, a.alert_rank, a.person_id as alert_person_id,
           case when w.site_id = a.site_id then 50 else 40 end as entity
    from bucketed w join worst a on w.tenant_id = a.tenant_id and w.person_id = a.person_id and w.bucket = a.bucket
         and a.occurred_at between w.earliest and w.latest
    union all
    select w.*, a.event_id, a.alert_id, a.occurred_at, a.asks, a.alert_rank, a.person_id, 25
    from bucketed w join worst a on w.tenant_id = a.tenant_id and w.site_id = a.site_id and w.bucket = a.bucket
         and a.occurred_at between w.earliest and w.latest
    where a.person_id is distinct from w.person_id
), scored as (
    select *, greatest(epoch_us(since) // 1000000 - epoch_us(occurred_at) // 1000000, epoch_us(occurred_at) // 1000000 - epoch_us(window_end) // 1000000, 0)::double as apart_seconds,
           case when apart_seconds <= 300 then 30 when apart_seconds <= 600 then 20 else 10 end as near,
           case when says & asks <> 0 then 20 else 0 end as agreement
    from paired
)
select tenant_id, person_id, window_end, event_id, alert_id, occurred_at, alert_person_id, apart_seconds, signal_rank, alert_rank,
       entity / 100.0::double as entity, near / 100.0::double as proximity, agreement / 100.0::double as consistency,
       least(entity + near + agreement, 100) / 100.0::double as score, signal_rank > 0 as is_telling
from scored
