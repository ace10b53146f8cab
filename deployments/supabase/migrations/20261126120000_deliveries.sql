-- What has been delivered: each upload that a pass is asked for. Prefect gets the id of a delivery only; which objects it
-- is, stands here. While a pass is active, the newest delivery of its user waits here, and starts when that has ended.

create table if not exists public.full_pass_deliveries (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    -- In the bucket, without it: <user_id>/<file>; several are the parts of one export.
    object_names text[] not null check (cardinality(object_names) > 0),
    -- Which content each of them had: its ETag. Null: Storage did not tell.
    object_versions text[] not null,
    file_type text,
    conversation_count integer,
    replaces boolean not null default false,
    -- Of the Idempotency-Key, and of what was asked with it.
    key_hash text,
    body_hash text not null,
    -- waiting: for the pass that is active; started; ended; superseded: a newer one came while it waited.
    state text not null check (state in ('waiting', 'started', 'ended', 'superseded')),
    flow_run_id text,
    cost_usd numeric,  -- of all runs for it; null: not known
    received_at timestamptz not null default now(),
    started_at timestamptz
);

create unique index if not exists full_pass_deliveries_user on public.full_pass_deliveries (user_id, received_at, id);
create unique index if not exists full_pass_deliveries_key on public.full_pass_deliveries (user_id, key_hash)
    where key_hash is not null;
create unique index if not exists full_pass_deliveries_open on public.full_pass_deliveries (state, received_at, id)
    where state in ('waiting', 'started');

call public.full_pass_protect('public.full_pass_deliveries', false);
call public.full_pass_reference_accounts();

-- Takes a delivery. The same objects in the same versions, while a delivery of them waits or is worked on, are the same
-- delivery; so is whatever comes with a key that has come before, unless it asks for something else. p_most: deliveries
-- of a user in 24 hours; p_most_usd: dollars of a user in a month of the calendar (UTC).
-- Returns {"answer", "delivery_id"?, "state"?, "flow_run_id"?, "retry_after"?}. answer: new (its run is to be made), same,
-- no_user, conflict (the key came with something else), limited (retry_after seconds).
create or replace function public.full_pass_deliver(
    p_user_id uuid, p_object_names text[], p_object_versions text[], p_file_type text, p_conversation_count integer,
    p_replaces boolean, p_key_hash text, p_body_hash text, p_most integer, p_most_usd numeric
) returns jsonb language plpgsql set search_path = '' as $$
declare
    v_status text;
    v_known public.full_pass_deliveries;
    v_state text;
    v_id uuid;
    v_since timestamptz;
begin
    -- One delivery of a user after the other.
    select full_pass_status into v_status from public.user_profiles where user_id = p_user_id for update;
    if not found then
        return jsonb_build_object('answer', 'no_user');
    end if;
    delete from public.full_pass_deliveries
        where user_id = p_user_id and state in ('ended', 'superseded') and received_at < now() - interval '62 days';
    if p_key_hash is not null then
        select * into v_known from public.full_pass_deliveries where user_id = p_user_id and key_hash = p_key_hash;
        if found and v_known.body_hash <> p_body_hash then
            return jsonb_build_object('answer', 'conflict');
        end if;
    else
        select * into v_known from public.full_pass_deliveries
            where user_id = p_user_id and state in ('waiting', 'started') and object_names = p_object_names
                and object_versions = p_object_versions and replaces = p_replaces
            order by received_at desc limit 1;
    end if;
    if found then
        return jsonb_build_object('answer', 'same', 'delivery_id', v_known.id, 'state', v_known.state,
            'flow_run_id', v_known.flow_run_id);
    end if;
    select min(received_at) into v_since from (
        select received_at from public.full_pass_deliveries
        where user_id = p_user_id and received_at > now() - interval '1 day' and state <> 'superseded'
        order by received_at desc limit p_most
    ) as latest having count(*) >= p_most;
    if found and v_since is not null then
        return jsonb_build_object('answer', 'limited',
            'retry_after', ceil(extract(epoch from v_since + interval '1 day' - now())));
    end if;
    if p_most_usd <= (
        select coalesce(sum(cost_usd), 0) from public.full_pass_deliveries
        where user_id = p_user_id and received_at >= date_trunc('month', now(), 'UTC'))
    then
        return jsonb_build_object('answer', 'limited', 'retry_after',
            ceil(extract(epoch from date_trunc('month', now(), 'UTC') + interval '1 month' - now())));
    end if;
    v_state := case when v_status = 'processing' or exists (
        select from public.full_pass_deliveries where user_id = p_user_id and state = 'started')
        then 'waiting' else 'started' end;
    update public.full_pass_deliveries set state = 'superseded' where user_id = p_user_id and state = 'waiting';
    insert into public.full_pass_deliveries (user_id, object_names, object_versions, file_type, conversation_count,
        replaces, key_hash, body_hash, state, started_at)
    values (p_user_id, p_object_names, p_object_versions, p_file_type, p_conversation_count, p_replaces, p_key_hash,
        p_body_hash, v_state, case v_state when 'started' then now() end)
    returning id into v_id;
    return jsonb_build_object('answer', 'new', 'delivery_id', v_id, 'state', v_state);
end $$;

-- Remembers which flow run was made for a delivery.
create or replace function public.full_pass_delivery_started(p_user_id uuid, p_delivery_id uuid, p_run_id text)
returns void language sql set search_path = '' as $$
    update public.full_pass_deliveries set flow_run_id = p_run_id
        where user_id = p_user_id and id = p_delivery_id and state = 'started' and flow_run_id is null;
$$;

-- Whose pass is to be started: the user's delivery that waits while no pass is active any more, and those whose run was
-- never made, since p_unmade ago. p_user_id null: of all users, the oldest first. Returns {"user_id", "delivery_id"} objects.
create or replace function public.full_pass_take_deliveries(
    p_user_id uuid, p_limit integer, p_unmade interval default interval '1 minute'
) returns setof jsonb language plpgsql set search_path = '' as $$
declare
    v_waiting record;
begin
    for v_waiting in
        select d.id, d.user_id, d.state from public.full_pass_deliveries as d
        where (p_user_id is null or d.user_id = p_user_id)
            and (d.state = 'waiting' or d.state = 'started' and d.flow_run_id is null and d.started_at <= now() - p_unmade)
            and not exists (select from public.user_profiles as p
                where p.user_id = d.user_id and p.full_pass_status = 'processing')
            and not (d.state = 'waiting' and exists (select from public.full_pass_deliveries as other
                where other.user_id = d.user_id and other.state = 'started'))
        order by d.received_at, d.id
        limit p_limit
        for update of d skip locked
    loop
        update public.full_pass_deliveries set state = 'started', started_at = now() where id = v_waiting.id;
        return next jsonb_build_object('user_id', v_waiting.user_id, 'delivery_id', v_waiting.id);
    end loop;
end $$;

-- Says of deliveries that were started that their runs are over and never had the user. p_again: they have been read by
-- nobody, and wait again, unless a newer one does.
create or replace function public.full_pass_end_deliveries(p_ids uuid[], p_again boolean)
returns void language sql set search_path = '' as $$
    update public.full_pass_deliveries as d set
        flow_run_id = case when not p_again then d.flow_run_id end,
        state = case when not p_again then 'ended' when exists (
            select from public.full_pass_deliveries as newer
            where newer.user_id = d.user_id and newer.state = 'waiting') then 'superseded' else 'waiting' end
    from public.user_profiles as p
    where d.id = any (p_ids) and d.state = 'started' and p.user_id = d.user_id and not (
        p.full_pass_status = 'processing' and p.full_pass_parameters ->> 'delivery_id' is not distinct from d.id::text);
$$;

-- How far a user's pass is, as the receiver tells it; null without a row. queue_place: of the newest delivery of the user
-- that has not begun, among all that have not.
create or replace function public.full_pass_status_of(p_user_id uuid)
returns jsonb language sql stable set search_path = '' as $$
    with open as (
        select d.user_id, d.id, d.received_at from public.full_pass_deliveries as d
        join public.user_profiles as p on p.user_id = d.user_id
        where d.state = 'waiting' or d.state = 'started' and (p.full_pass_status is distinct from 'processing'
            or p.full_pass_run_id is distinct from d.flow_run_id)
    ), own as (
        select received_at, id from open where user_id = p_user_id order by received_at desc, id desc limit 1
    )
    select jsonb_build_object(
        'status', coalesce(full_pass_status, 'pending'), 'stage', import_stage, 'percent', progress_percent,
        'error', full_pass_error, 'attempts', coalesce(full_pass_attempts, 0), 'started_at', full_pass_started_at,
        'completed_at', full_pass_completed_at, 'next_retry_at', full_pass_next_retry_at,
        'cost_usd', (public.full_pass_cost_of_runs(import_cost_json) ->> 'cost_usd')::double precision,
        'flow_run_id', full_pass_run_id,
        'queue_place', (select nullif(count(*), 0) from open, own
            where (open.received_at, open.id) <= (own.received_at, own.id)))
    from public.user_profiles where user_id = p_user_id;
$$;

-- After a row of user_profiles was written by a pass: its delivery follows the row.
create or replace function public.full_pass_follow_delivery()
returns trigger language plpgsql set search_path = '' as $$
begin
    update public.full_pass_deliveries as d set
        state = case new.full_pass_status when 'processing' then 'started' else 'ended' end,
        started_at = coalesce(d.started_at, now()),
        flow_run_id = new.full_pass_run_id,
        cost_usd = coalesce(public.full_pass_cost_of_runs(new.import_cost_json) ->> 'cost_usd', d.cost_usd::text)::numeric
    where d.user_id = new.user_id and d.id::text = new.full_pass_parameters ->> 'delivery_id';
    return null;
end $$;

create or replace trigger full_pass_follow_delivery
    after update of full_pass_status, full_pass_run_id, import_cost_json on public.user_profiles
    for each row when (new.full_pass_parameters ->> 'delivery_id' is not null
        and new.full_pass_status in ('processing', 'complete', 'failed')
        and (old.full_pass_status, old.full_pass_run_id, old.import_cost_json)
            is distinct from (new.full_pass_status, new.full_pass_run_id, new.import_cost_json))
    execute function public.full_pass_follow_delivery();

-- Makes p_run_id the owner of the user. A row that another run is processing is left alone unless p_replaces names
-- that run: the caller has then found it dead. Claiming again with the same run changes nothing but the status.
-- Returns {"found": bool, "claimed": bool, "owner": text|null}.
create or replace function public.full_pass_claim(
    p_user_id uuid, p_run_id text, p_parameters jsonb, p_replaces text default null
) returns jsonb language plpgsql set search_path = '' as $$
declare
    v_row record;
begin
    select full_pass_status, full_pass_run_id into v_row
        from public.user_profiles where user_id = p_user_id for update;
    if not found then
        return jsonb_build_object('found', false, 'claimed', false, 'owner', null);
    end if;
    if v_row.full_pass_status = 'processing'
        and v_row.full_pass_run_id is distinct from p_run_id
        and v_row.full_pass_run_id is distinct from p_replaces
    then
        return jsonb_build_object('found', true, 'claimed', false, 'owner', v_row.full_pass_run_id);
    end if;
    update public.user_profiles set
        full_pass_status = 'processing',
        full_pass_started_at = now(),
        full_pass_error = null,
        -- What failed runs before this one have cost is not forgotten.
        import_cost_json = case
            when full_pass_run_id = p_run_id then import_cost_json
            when full_pass_status = 'complete' then null
            else jsonb_build_object('earlier_runs', public.full_pass_cost_of_runs(import_cost_json))
        end,
        full_pass_attempts = case
            when full_pass_run_id = p_run_id then full_pass_attempts
            when full_pass_status = 'complete' then 1
            -- Another export is another matter.
            when (full_pass_parameters ->> 'delivery_id', full_pass_parameters ->> 'storage_path')
                is distinct from (p_parameters ->> 'delivery_id', p_parameters ->> 'storage_path') then 1
            else full_pass_attempts + 1
        end,
        full_pass_run_id = p_run_id,
        full_pass_parameters = p_parameters,
        full_pass_next_retry_at = null,
        progress_percent = 0,
        import_stage = 'download_conversations'
    where user_id = p_user_id;
    return jsonb_build_object('found', true, 'claimed', true, 'owner', p_run_id);
end $$;

call public.full_pass_publish_functions();
