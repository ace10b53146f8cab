-- What Supabase's linter would say of the tables of the full pass.

-- Row level security without a policy is the intention here; saying so changes nothing, since service_role passes it.
drop policy if exists "full pass: the full pass only" on public.extraction_batches;
create policy "full pass: the full pass only" on public.extraction_batches to service_role using (true) with check (true);
drop policy if exists "full pass: the full pass only" on public.model_replies;
create policy "full pass: the full pass only" on public.model_replies to service_role using (true) with check (true);
drop policy if exists "full pass: the full pass only" on public.model_pauses;
create policy "full pass: the full pass only" on public.model_pauses to service_role using (true) with check (true);

-- Users read their own rows once: where a policy of the app says the same, ours goes. May be called again.
create or replace procedure public.full_pass_yield_to_policies()
language plpgsql set search_path = '' as $$
declare
    v_policy record;
begin
    for v_policy in
        select ours.tablename, ours.policyname
        from pg_catalog.pg_policies as ours join pg_catalog.pg_policies as theirs using (schemaname, tablename)
        where ours.schemaname = 'public' and ours.tablename in ('user_profiles', 'conversation_chunks')
            and ours.policyname like 'full pass: users read their own %' and theirs.policyname not like 'full pass: %'
            and theirs.permissive = 'PERMISSIVE' and theirs.cmd in ('SELECT', 'ALL')
            and theirs.roles && '{public,authenticated}'::name[]
            and regexp_replace(lower(theirs.qual), '[()\s]|select|as uid', '', 'g')
                in ('auth.uid=user_id', 'user_id=auth.uid')
    loop
        execute format('drop policy if exists %I on public.%I', v_policy.policyname, v_policy.tablename);
    end loop;
end $$;

-- Of these each is unique because a user has one row, and a batch one user; the linter counts others as unused until
-- they have been used.
create unique index if not exists user_profiles_full_pass_due
    on public.user_profiles (full_pass_next_retry_at, user_id)
    where full_pass_status = 'failed' and full_pass_next_retry_at is not null;
drop index if exists public.user_profiles_full_pass_retry;
create unique index if not exists user_profiles_full_pass_owners
    on public.user_profiles (user_id)
    where full_pass_status = 'processing';
drop index if exists public.user_profiles_full_pass_processing;
create unique index if not exists extraction_batches_user_batch on public.extraction_batches (user_id, batch_id);
drop index if exists public.extraction_batches_user;

call public.full_pass_yield_to_policies();
call public.full_pass_publish_functions();
