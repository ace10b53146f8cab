-- Who may call the functions of the full pass: service_role, and nobody else. On a Supabase project everybody may call
-- a new function, through the API too, so every file that makes one ends with a call of this procedure.

create or replace procedure public.full_pass_publish_functions()
language plpgsql set search_path = '' as $$
declare
    v_routine regprocedure;
begin
    for v_routine in
        select oid from pg_proc where pronamespace = 'public'::regnamespace and proname like 'full\_pass\_%'
    loop
        execute format('revoke execute on routine %s from public, anon, authenticated', v_routine);
        execute format('grant execute on routine %s to service_role', v_routine);
    end loop;
    notify pgrst, 'reload schema';
end $$;

call public.full_pass_publish_functions();
