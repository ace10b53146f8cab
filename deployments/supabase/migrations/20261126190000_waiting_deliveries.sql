-- Nothing that was delivered is passed over: a delivery that waits is superseded only by one that has all of its objects,
-- in newer versions or with more of them. Others wait in their order, since each is read for what only it holds; and what a
-- pass has failed to read, and was to be tried again, is read with the next.

-- Adds to a delivery that is started the objects of the one whose pass has failed and would have been tried again.
create or replace function public.full_pass_join_failed(p_user_id uuid, p_delivery_id uuid)
returns void language sql set search_path = '' as $$
    with missing as (
        select array_agg(stored.name order by place) as names, array_agg(stored.version order by place) as versions
        from public.user_profiles as p
        join public.full_pass_deliveries as d on d.user_id = p_user_id and d.id = p_delivery_id
        join public.full_pass_deliveries as failed
            on failed.user_id = p_user_id and failed.id::text = p.full_pass_parameters ->> 'delivery_id'
        cross join unnest(failed.object_names, failed.object_versions) with ordinality as stored (name, version, place)
        where p.user_id = p_user_id and p.full_pass_status = 'failed' and p.full_pass_next_retry_at is not null
            and failed.replaces = d.replaces and stored.name <> all (d.object_names)
    )
    update public.full_pass_deliveries as d set
        object_names = d.object_names || missing.names, object_versions = d.object_versions || missing.versions
    from missing where d.user_id = p_user_id and d.id = p_delivery_id and missing.names is not null;
$$;

-- Takes a delivery. The same objects in the same versions, while a delivery of them waits or is worked on, are the same
-- delivery; so is whatever comes with a key that has come before, unless it asks for something else. p_most: deliveries
-- of a user in 24 hours; p_most_usd: dollars of a user in a month of the calendar (UTC).
-- Returns {"answer", "delivery_id"?, "state"?, "flow_run_id"?, "retry_after"?}. answer: new (its run is to be made), same,
-- no_user, conflict (the key came with something else), limited (retry_after seconds). What waits and has no other objects
-- is superseded by it; what has others is read before it.
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
    update public.full_pass_deliveries set state = 'superseded'
        where user_id = p_user_id and state = 'waiting' and object_names <@ p_object_names;
    v_state := case when v_status = 'processing' or exists (
        select from public.full_pass_deliveries where user_id = p_user_id and state in ('waiting', 'started'))
        then 'waiting' else 'started' end;
    insert into public.full_pass_deliveries (user_id, object_names, object_versions, file_type, conversation_count,
        replaces, key_hash, body_hash, state, started_at)
    values (p_user_id, p_object_names, p_object_versions, p_file_type, p_conversation_count, p_replaces, p_key_hash,
        p_body_hash, v_state, case v_state when 'started' then now() end)
    returning id into v_id;
    if v_state = 'started' then
        perform public.full_pass_join_failed(p_user_id, v_id);
    end if;
    return jsonb_build_object('answer', 'new', 'delivery_id', v_id, 'state', v_state);
end $$;

-- Whose pass is to be started: of the user's deliveries that wait, the oldest, while no pass is active any more; and those
-- whose run was never made, since p_unmade ago. p_user_id null: of all users, the oldest first. Returns {"user_id",
-- "delivery_id"} objects.
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
                where other.user_id = d.user_id and (other.state = 'started'
                    or other.state = 'waiting' and (other.received_at, other.id) < (d.received_at, d.id))))
        order by d.received_at, d.id
        limit p_limit
        for update of d skip locked
    loop
        update public.full_pass_deliveries set state = 'started', started_at = now() where id = v_waiting.id;
        if v_waiting.state = 'waiting' then
            perform public.full_pass_join_failed(v_waiting.user_id, v_waiting.id);
        end if;
        return next jsonb_build_object('user_id', v_waiting.user_id, 'delivery_id', v_waiting.id);
    end loop;
end $$;

-- Says of deliveries that were started that their runs are over and never had the user. p_again: they have been read by
-- nobody, and wait again, unless a newer one with the same objects does.
create or replace function public.full_pass_end_deliveries(p_ids uuid[], p_again boolean)
returns void language sql set search_path = '' as $$
    update public.full_pass_deliveries as d set
        flow_run_id = case when not p_again then d.flow_run_id end,
        state = case when not p_again then 'ended' when exists (
            select from public.full_pass_deliveries as newer
            where newer.user_id = d.user_id and newer.state = 'waiting' and newer.object_names @> d.object_names)
            then 'superseded' else 'waiting' end
    from public.user_profiles as p
    where d.id = any (p_ids) and d.state = 'started' and p.user_id = d.user_id and not (
        p.full_pass_status = 'processing' and p.full_pass_parameters ->> 'delivery_id' is not distinct from d.id::text);
$$;

call public.full_pass_publish_functions();
