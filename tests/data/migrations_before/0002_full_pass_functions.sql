-- Every change of more than one row, and every change of full_pass_status, is one of these functions, so that it is
-- atomic and fenced: only the flow run that owns the user may change what belongs to its pass.
-- They run with the caller's rights and only service_role may execute them.

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
            when full_pass_parameters ->> 'storage_path' is distinct from p_parameters ->> 'storage_path' then 1
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

-- Moves the stage and the percentage, never backwards. Returns {"found": bool, "owner": text|null, "status": text|null};
-- nothing is written unless p_run_id is the owner and the row says processing.
create or replace function public.full_pass_progress(
    p_user_id uuid, p_run_id text, p_stage text, p_percent integer
) returns jsonb language plpgsql set search_path = '' as $$
declare
    v_row record;
begin
    update public.user_profiles set
        import_stage = p_stage,
        progress_percent = greatest(coalesce(progress_percent, 0), p_percent)
    where user_id = p_user_id and full_pass_run_id = p_run_id and full_pass_status = 'processing';
    select full_pass_run_id, full_pass_status into v_row from public.user_profiles where user_id = p_user_id;
    return jsonb_build_object('found', found, 'owner', v_row.full_pass_run_id, 'status', v_row.full_pass_status);
end $$;

-- Inserts chunks, or brings the row of the same chunk_key up to date; an unchanged row is not written, so that what
-- other systems hang on it (embeddings) stays valid. p_chunks: array of objects with the columns of the table.
-- Returns how many rows were written.
create or replace function public.full_pass_save_chunks(p_user_id uuid, p_run_id text, p_chunks jsonb)
returns integer language plpgsql set search_path = '' as $$
declare
    v_written integer;
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    insert into public.conversation_chunks as stored
        (user_id, chunk_key, conversation_id, title, position, first_message, last_message, message_count, content,
         token_count, chunk_tier, is_recent, created_at)
    select distinct on (c.chunk_key)
           p_user_id, c.chunk_key, c.conversation_id, c.title, c.position, c.first_message, c.last_message,
           c.message_count, c.content, c.token_count, 'medium', c.is_recent,
           coalesce(c.created_at, 'epoch')  -- null is no date in an older schema
    from jsonb_to_recordset(p_chunks) as c(
        chunk_key text, conversation_id text, title text, position integer, first_message integer,
        last_message integer, message_count integer, content text, token_count integer, is_recent boolean,
        created_at timestamptz)
    on conflict (user_id, chunk_key) do update set
        title = excluded.title, position = excluded.position, first_message = excluded.first_message,
        last_message = excluded.last_message, message_count = excluded.message_count,
        token_count = excluded.token_count, is_recent = excluded.is_recent, created_at = excluded.created_at
    where (stored.title, stored.position, stored.first_message, stored.last_message, stored.message_count,
           stored.token_count, stored.is_recent, stored.created_at)
        is distinct from
        (excluded.title, excluded.position, excluded.first_message, excluded.last_message, excluded.message_count,
         excluded.token_count, excluded.is_recent, excluded.created_at);
    get diagnostics v_written = row_count;
    return v_written;
end $$;

-- Deletes the user's chunks named by p_chunk_keys with their facts, and the rows older than the full pass, which have
-- no key. Returns how many chunks.
create or replace function public.full_pass_prune_chunks(p_user_id uuid, p_run_id text, p_chunk_keys text[])
returns integer language plpgsql set search_path = '' as $$
declare
    v_deleted integer;
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    delete from public.conversation_chunks
        where user_id = p_user_id and (chunk_key is null or chunk_key = any (p_chunk_keys));
    get diagnostics v_deleted = row_count;
    delete from public.chunk_facts where user_id = p_user_id and chunk_key = any (p_chunk_keys);
    return v_deleted;
end $$;

-- Keeps what a model answered for chunks. p_outcomes: array of {"chunk_key", "outcome", "facts"?, "error"?}. Not
-- fenced: an answer is right whichever run asked for it, and it has been paid for. An answer is never overwritten.
-- Returns for how many seconds no run may call the model.
create or replace function public.full_pass_save_facts(
    p_user_id uuid, p_prompt_version text, p_model text, p_outcomes jsonb
) returns double precision language plpgsql set search_path = '' as $$
begin
    insert into public.chunk_facts as stored (user_id, chunk_key, prompt_version, model, outcome, facts, error)
    select distinct on (o.chunk_key)
           p_user_id, o.chunk_key, p_prompt_version, p_model, o.outcome, coalesce(o.facts, '[]'), o.error
    from jsonb_to_recordset(p_outcomes) as o(chunk_key text, outcome text, facts jsonb, error text)
    on conflict (user_id, prompt_version, model, chunk_key) do update set
        outcome = excluded.outcome, facts = excluded.facts, error = excluded.error, created_at = now()
    where stored.outcome = 'failed';
    return public.full_pass_pause(p_model, 0);
end $$;

-- Lets no run call the model for p_seconds from now, or longer if that has been said already. Returns for how many
-- seconds no run may call it. The database's clock counts, so the workers' need not agree.
create or replace function public.full_pass_pause(p_model text, p_seconds double precision)
returns double precision language plpgsql set search_path = '' as $$
begin
    if p_seconds > 0 then
        insert into public.model_pauses as stored (model, until)
        values (p_model, clock_timestamp() + make_interval(secs => p_seconds))
        on conflict (model) do update set until = greatest(stored.until, excluded.until);
    end if;
    return coalesce(
        (select greatest(extract(epoch from until - clock_timestamp()), 0)
         from public.model_pauses where model = p_model), 0);
end $$;

-- Remembers a message batch that has been handed in, until full_pass_end_batch.
create or replace function public.full_pass_add_batch(
    p_user_id uuid, p_batch_id text, p_prompt_version text, p_model text, p_requests jsonb
) returns void language sql set search_path = '' as $$
    insert into public.extraction_batches (batch_id, user_id, prompt_version, model, requests)
    values (p_batch_id, p_user_id, p_prompt_version, p_model, p_requests)
    on conflict (batch_id) do nothing;
$$;

create or replace function public.full_pass_end_batch(p_batch_id text)
returns void language sql set search_path = '' as $$
    delete from public.extraction_batches where batch_id = p_batch_id;
$$;

create or replace function public.full_pass_save_memory(p_user_id uuid, p_run_id text, p_memory_md text)
returns void language plpgsql set search_path = '' as $$
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    update public.user_profiles set memory_md = p_memory_md where user_id = p_user_id;
end $$;

-- p_sections: {"soul_md": text, "identity_md": text, "user_md": text, "agents_md": text, "tools_md": text}; all five
-- change together or not at all.
create or replace function public.full_pass_save_sections(
    p_user_id uuid, p_run_id text, p_sections jsonb, p_soulprint_text text
) returns void language plpgsql set search_path = '' as $$
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    update public.user_profiles set
        soul_md = p_sections ->> 'soul_md',
        identity_md = p_sections ->> 'identity_md',
        user_md = p_sections ->> 'user_md',
        agents_md = p_sections ->> 'agents_md',
        tools_md = p_sections ->> 'tools_md',
        soulprint_text = p_soulprint_text
    where user_id = p_user_id;
end $$;

-- What the run has cost so far; written by the owner also after it has failed. Beside it stays, as earlier_runs, what
-- the failed runs before it have cost.
create or replace function public.full_pass_save_cost(p_user_id uuid, p_run_id text, p_cost jsonb)
returns void language sql set search_path = '' as $$
    update public.user_profiles
    set import_cost_json = p_cost || jsonb_build_object('earlier_runs', import_cost_json -> 'earlier_runs')
    where user_id = p_user_id and full_pass_run_id = p_run_id;
$$;

-- The sums of {"total": sums, "earlier_runs": sums|null}, each of the numbers in them; null where one is unknown.
create or replace function public.full_pass_cost_of_runs(p_cost jsonb)
returns jsonb language sql immutable set search_path = '' as $$
    select jsonb_object_agg(key, total) from (
        select key, case when bool_or(value = 'null'::jsonb) then null else sum((value #>> '{}')::numeric) end as total
        from (select p_cost -> 'total' as sums union all select p_cost -> 'earlier_runs') as runs,
             jsonb_each(case when jsonb_typeof(sums) = 'object' then sums else '{}'::jsonb end)
        group by key
    ) as summed;
$$;

-- Keeps what a model replied to a request, until full_pass_complete. Not fenced: it has been paid for.
create or replace function public.full_pass_save_reply(p_user_id uuid, p_request_key text, p_reply jsonb)
returns void language sql set search_path = '' as $$
    insert into public.model_replies (user_id, request_key, reply)
    values (p_user_id, p_request_key, p_reply)
    on conflict (user_id, request_key) do nothing;
$$;

-- Returns whether the row says complete by p_run_id afterwards. A row that was called failed while its run lived on
-- (its worker was lost) is set right.
create or replace function public.full_pass_complete(p_user_id uuid, p_run_id text)
returns boolean language plpgsql set search_path = '' as $$
begin
    update public.user_profiles set
        full_pass_status = 'complete',
        full_pass_completed_at = now(),
        full_pass_error = null,
        full_pass_next_retry_at = null,
        progress_percent = 100,
        import_stage = 'complete'
    where user_id = p_user_id and full_pass_run_id = p_run_id and full_pass_status in ('processing', 'failed');
    if found then
        delete from public.model_replies where user_id = p_user_id;
    end if;
    return exists (
        select from public.user_profiles
        where user_id = p_user_id and full_pass_run_id = p_run_id and full_pass_status = 'complete');
end $$;

-- Only the owner may fail its own pass, once; '' is the owner of a row that names none. An error that does not name its
-- step (the process died) gets the step that the row was at; each gets at its end what will come of it. p_retry_after:
-- the wait before the second attempt; null when trying again is of no use. It doubles with each further one up to a
-- day, and is a fifth longer or shorter by chance, so that users who failed together do not come back together.
-- Returns {"failed": bool, "attempts": int, "exhausted": bool, "error": text}: whether the row was changed, and whether
-- this was the last of p_max_attempts.
drop function if exists public.full_pass_fail(uuid, text, text, interval, integer);  -- it returned a boolean once
create function public.full_pass_fail(
    p_user_id uuid, p_run_id text, p_error text, p_retry_after interval default null, p_max_attempts integer default 5
) returns jsonb language plpgsql set search_path = '' as $$
declare
    v_row record;
    v_retry_at timestamptz;
    v_exhausted boolean;
    v_outlook text;
    v_error text;
begin
    select full_pass_attempts as attempts, import_stage, full_pass_parameters into v_row from public.user_profiles
        where user_id = p_user_id and coalesce(full_pass_run_id, '') = p_run_id and full_pass_status = 'processing'
        for update;
    if not found then
        return jsonb_build_object('failed', false, 'exhausted', false);
    end if;
    v_exhausted := p_retry_after is not null and v_row.full_pass_parameters is not null
        and v_row.attempts >= p_max_attempts;
    if p_retry_after is null then
        v_outlook := 'permanent: not tried again by itself';
    elsif v_row.full_pass_parameters is null then
        v_outlook := 'not tried again by itself: deliver the export again';
    elsif v_exhausted then
        v_outlook := format('attempt %s of %s: not tried again by itself',
            v_row.attempts, greatest(v_row.attempts, p_max_attempts));  -- more when started by hand
    else
        v_retry_at := now()
            + least(p_retry_after * power(2, least(v_row.attempts, 20) - 1), interval '1 day') * (0.8 + 0.4 * random());
        v_outlook := format('attempt %s of %s, the next about %s UTC', v_row.attempts, p_max_attempts,
            to_char(v_retry_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'));
    end if;
    v_error := case when p_error like 'step=%' then p_error
        else 'step=' || coalesce(v_row.import_stage, 'download_conversations') || ': ' || p_error end;
    v_error := left(v_error, 500 - length(v_outlook) - 3) || ' (' || v_outlook || ')';
    update public.user_profiles set
        full_pass_status = 'failed',
        full_pass_completed_at = now(),
        full_pass_error = v_error,
        full_pass_next_retry_at = v_retry_at
    where user_id = p_user_id;
    return jsonb_build_object(
        'failed', true, 'attempts', v_row.attempts, 'exhausted', v_exhausted, 'error', v_error);
end $$;

-- Takes failed users whose next attempt is due, oldest first; whom another tick is taking is passed over. If no run
-- begins within p_lease, the user is due again. Returns {"user_id", "run_id", "attempts", "parameters"} objects;
-- run_id is the run that failed.
drop function if exists public.full_pass_due(integer);
create or replace function public.full_pass_take_due(p_limit integer, p_lease interval)
returns setof jsonb language sql set search_path = '' as $$
    with due as (
        select user_id, full_pass_next_retry_at as since from public.user_profiles
        where full_pass_status = 'failed' and full_pass_next_retry_at <= now() and full_pass_parameters is not null
        order by full_pass_next_retry_at
        limit p_limit
        for update skip locked
    ), taken as (
        update public.user_profiles as u set full_pass_next_retry_at = now() + p_lease
        from due where u.user_id = due.user_id
        returning u.user_id, u.full_pass_run_id, u.full_pass_attempts, u.full_pass_parameters, due.since
    )
    select jsonb_build_object(
        'user_id', user_id, 'run_id', full_pass_run_id, 'attempts', full_pass_attempts,
        'parameters', full_pass_parameters)
    from taken order by since;
$$;

-- Raises FP001 unless p_run_id owns the user and is processing; holds the row until the transaction ends.
create or replace function public.full_pass_require_owner(p_user_id uuid, p_run_id text)
returns void language plpgsql set search_path = '' as $$
declare
    v_row record;
begin
    select full_pass_run_id, full_pass_status into v_row
        from public.user_profiles where user_id = p_user_id for update;
    if v_row.full_pass_run_id is distinct from p_run_id or v_row.full_pass_status is distinct from 'processing' then
        raise exception using errcode = 'FP001', message = 'this flow run does not own the user',
            detail = coalesce(v_row.full_pass_run_id, 'no run');
    end if;
end $$;

do $$
declare
    v_function regprocedure;
begin
    for v_function in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'public'::regnamespace and p.proname like 'full\_pass\_%'
    loop
        execute format('revoke execute on function %s from public, anon, authenticated', v_function);
        execute format('grant execute on function %s to service_role', v_function);
    end loop;
end $$;

notify pgrst, 'reload schema';
