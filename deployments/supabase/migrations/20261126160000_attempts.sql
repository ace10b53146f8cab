-- A run that is begun again by hand is another attempt. One that was suspended, or told to go, goes on: it is the same
-- attempt, which began when it first did.

-- Makes p_run_id the owner of the user. A row that another run is processing is left alone unless p_replaces names
-- that run: the caller has then found it dead. A run that claims again goes on, if it was suspended, and begins another
-- attempt, if it had ended: somebody has pressed Retry. What it has cost until then is kept.
-- Returns {"found": bool, "claimed": bool, "owner": text|null, "attempts": int}.
create or replace function public.full_pass_claim(
    p_user_id uuid, p_run_id text, p_parameters jsonb, p_replaces text default null
) returns jsonb language plpgsql set search_path = '' as $$
declare
    v_row record;
    v_attempts integer;
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
        full_pass_started_at = case
            when full_pass_run_id = p_run_id and full_pass_status = 'processing' then coalesce(full_pass_started_at, now())
            else now()
        end,
        full_pass_error = null,
        -- What failed runs before this one have cost is not forgotten, nor what it has itself.
        import_cost_json = case
            when full_pass_status = 'complete' and full_pass_run_id is distinct from p_run_id then null
            else jsonb_build_object('earlier_runs', public.full_pass_cost_of_runs(import_cost_json))
        end,
        full_pass_attempts = case
            when full_pass_run_id = p_run_id
                then coalesce(full_pass_attempts, 0) + (full_pass_status is distinct from 'processing')::integer
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
    where user_id = p_user_id
    returning full_pass_attempts into v_attempts;
    return jsonb_build_object('found', true, 'claimed', true, 'owner', p_run_id, 'attempts', v_attempts);
end $$;

-- Only the owner may fail its own pass, once; '' is the owner of a row that names none. An error that does not name its
-- step (the process died) gets the step that the row was at; each gets at its end what will come of it. p_retry_after:
-- the wait before the second attempt; null when trying again is of no use. It doubles with each further one up to a
-- day, and is a fifth longer or shorter by chance, so that users who failed together do not come back together.
-- p_not_before: when trying again can be of use, as when the account's money is used up until then; that is not the
-- export's fault, so the attempt does not count.
-- Returns {"failed": bool, "attempts": int, "exhausted": bool, "error": text, "next_retry_at": timestamptz|null}: whether
-- the row was changed, and whether this was the last of p_max_attempts.
create or replace function public.full_pass_fail(
    p_user_id uuid, p_run_id text, p_error text, p_retry_after interval default null, p_max_attempts integer default 5,
    p_not_before timestamptz default null
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
    if p_not_before is not null and v_row.full_pass_parameters is not null then
        v_exhausted := false;
        v_row.attempts := greatest(v_row.attempts - 1, 0);
        v_retry_at := greatest(p_not_before, now()) + interval '10 minutes' * random();
        v_outlook := format('not counted as an attempt, the next about %s UTC',
            to_char(v_retry_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'));
    elsif p_retry_after is null then
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
        full_pass_attempts = v_row.attempts,
        full_pass_next_retry_at = v_retry_at
    where user_id = p_user_id;
    return jsonb_build_object(
        'failed', true, 'attempts', v_row.attempts, 'exhausted', v_exhausted, 'error', v_error,
        'next_retry_at', v_retry_at);
end $$;

call public.full_pass_publish_functions();
