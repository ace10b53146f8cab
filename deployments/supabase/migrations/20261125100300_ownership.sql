-- Whose run a user is in, and how far that run is. Every change of full_pass_status is a function, here or among the
-- retries, so that it is atomic and fenced: only the flow run that owns the user may change what belongs to its pass.

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

call public.full_pass_publish_functions();
