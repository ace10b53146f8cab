-- With an account of Supabase Auth goes everything that the full pass knows of the person, and nothing can be written
-- for an account that has gone.

-- Makes user_id of each table a foreign key to auth.users with on delete cascade, where it is none yet. Rows without an
-- account stay: the key then holds for what is written from now on (`not valid`). Where no user of user_profiles has an
-- account in auth.users, the app's accounts are somewhere else, and nothing is made. May be called again at any time.
create or replace procedure public.full_pass_reference_accounts()
language plpgsql set search_path = '' as $$
declare
    v_table regclass;
    v_strangers boolean;
begin
    if to_regclass('auth.users') is null then
        raise notice 'no Supabase Auth here: nothing is deleted with an account';
        return;
    end if;
    if exists (select from public.user_profiles)
        and not exists (select from public.user_profiles as p join auth.users as a on a.id = p.user_id)
    then
        raise warning 'no user of user_profiles has an account in auth.users: nothing is deleted with an account'
            using hint = 'Once they have: call public.full_pass_reference_accounts()';
        return;
    end if;
    foreach v_table in array array[
        'public.user_profiles', 'public.conversation_chunks', 'public.chunk_facts', 'public.extraction_batches',
        'public.model_replies'
    ]::regclass[] loop
        continue when exists (
            select from pg_catalog.pg_constraint as c
            join pg_catalog.pg_attribute as a on a.attrelid = c.conrelid and c.conkey = array[a.attnum]
            where c.conrelid = v_table and a.attname = 'user_id' and c.contype = 'f' and c.confdeltype = 'c'
                and c.confrelid = 'auth.users'::regclass);
        execute format(
            'select exists (select from %s as t where not exists (select from auth.users where id = t.user_id))',
            v_table) into v_strangers;
        -- Without a column, since only that means the primary key: `id` has a second unique index on old projects.
        execute format(
            'alter table %s add constraint full_pass_account foreign key (user_id) references auth.users'
            ' on delete cascade %s', v_table, case when v_strangers then 'not valid' else '' end);
        if v_strangers then
            raise warning '% has rows of users without an account; they stay', v_table;
        end if;
    end loop;
end $$;

call public.full_pass_publish_functions();
call public.full_pass_reference_accounts();
