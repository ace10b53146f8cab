-- Parameters that name another user than their row are nobody's: users could once write them.

-- Takes failed users whose next attempt is due, oldest first; whom another tick is taking is passed over. If no run
-- begins within p_lease, the user is due again. A row whose parameters name another user is never due. Returns
-- {"user_id", "run_id", "attempts", "parameters"} objects; run_id is the run that failed.
create or replace function public.full_pass_take_due(p_limit integer, p_lease interval)
returns setof jsonb language sql set search_path = '' as $$
    with due as (
        select user_id, full_pass_next_retry_at as since from public.user_profiles
        where full_pass_status = 'failed' and full_pass_next_retry_at <= now() and full_pass_parameters is not null
            and lower(coalesce(full_pass_parameters ->> 'user_id', user_id::text)) = user_id::text
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

call public.full_pass_publish_functions();
