-- What is known of a person: facts that last, each with the words that say it. chunk_facts is what models answered; this
-- is what was made of it: facts that say the same are one, and one that another has replaced stays, with its time.

-- How many facts a model told of the chunk that no words of the person's own say; they are not kept. Null: nobody looked.
alter table public.chunk_facts add column if not exists unsupported integer;

create table if not exists public.memory_facts (
    -- The same fact has the same id after the next import.
    id uuid primary key,
    user_id uuid not null,
    -- Whom it is about, in the person's words; null: the person.
    subject text,
    kind text not null check (kind in ('preference', 'project', 'date', 'belief', 'decision')),
    -- What of a life it fills, of which there is one at a time: home, work, project:boat; null: nothing of the kind.
    slot text,
    text text not null,
    language text,  -- of the text, ISO 639
    -- stated: it holds; past: it held once and no more; plan: it is intended and has not happened.
    stance text not null default 'stated' check (stance in ('stated', 'past', 'plan')),
    -- current; superseded: superseded_by holds instead, since valid_to; withdrawn: nothing that is stored says it any
    -- more; forgotten: the person does not want it known.
    status text not null default 'current' check (status in ('current', 'superseded', 'withdrawn', 'forgotten')),
    superseded_by uuid references public.memory_facts on delete set null,
    origin text not null default 'chats' check (origin in ('chats', 'person')),
    -- YYYY, YYYY-MM or YYYY-MM-DD, as exact as it was said: make_date refuses what no calendar has.
    valid_from text check (valid_from is null or valid_from ~ '^\d{4}(-\d\d(-\d\d)?)?$' and make_date(
        left(valid_from, 4)::integer, coalesce(nullif(substr(valid_from, 6, 2), ''), '1')::integer,
        coalesce(nullif(substr(valid_from, 9, 2), ''), '1')::integer) is not null),
    valid_to text check (valid_to is null or valid_to ~ '^\d{4}(-\d\d(-\d\d)?)?$' and make_date(
        left(valid_to, 4)::integer, coalesce(nullif(substr(valid_to, 6, 2), ''), '1')::integer,
        coalesce(nullif(substr(valid_to, 9, 2), ''), '1')::integer) is not null),
    -- Null where no message that says it has a time.
    said_first timestamptz,
    said_last timestamptz,
    mentions integer not null default 0,  -- messages that say it
    conversations integer not null default 0,
    -- By which the fact is known again: of each wording that is one with it, see flows/memory/statements.py.
    statement_keys text[] not null default '{}',
    digest text,  -- of the row and its sources, as the last pass has made them
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

-- Unique, as id is: the linter counts other indexes as unused until they have been used.
create unique index if not exists memory_facts_user on public.memory_facts (user_id, id);
create unique index if not exists memory_facts_superseded_by on public.memory_facts (superseded_by, id)
    where superseded_by is not null;

-- Everything that says a fact.
create table if not exists public.memory_fact_sources (
    id bigint generated always as identity primary key,
    user_id uuid not null,
    fact_id uuid not null references public.memory_facts on delete cascade,
    chunk_key text not null,
    conversation_id text not null,
    -- Of the message within its conversation, from 0. Null, as the quote, in what was found before both were kept.
    message integer,
    quote text,
    said_at timestamptz
);

create unique index if not exists memory_fact_sources_fact on public.memory_fact_sources (fact_id, id);
create unique index if not exists memory_fact_sources_chunk on public.memory_fact_sources (user_id, chunk_key, id);

-- What a model decided about facts that may say the same, by a hash of what it was asked: it is paid for once. There is
-- no text in it.
create table if not exists public.memory_decisions (
    user_id uuid not null,
    question_key text not null,
    decision jsonb not null,
    used_at timestamptz not null default now(),
    primary key (user_id, question_key)
);

create unique index if not exists memory_decisions_unused on public.memory_decisions (used_at, user_id, question_key);

-- Lets nobody write a table of the full pass but the full pass, and nobody read it but, with p_readable, users their
-- own rows. May be called again.
create or replace procedure public.full_pass_protect(p_table regclass, p_readable boolean)
language plpgsql set search_path = '' as $$
begin
    execute format('alter table %s enable row level security', p_table);
    execute format('revoke all on %s from public, anon, authenticated', p_table);
    execute format('grant select, insert, update, delete on %s to service_role', p_table);
    execute format('drop policy if exists "full pass: users read their own" on %s', p_table);
    execute format('drop policy if exists "full pass: the full pass only" on %s', p_table);
    if p_readable then
        execute format('grant select on %s to authenticated', p_table);
        execute format('create policy "full pass: users read their own" on %s'
            ' for select to authenticated using (user_id = (select auth.uid()))', p_table);
    else
        execute format('create policy "full pass: the full pass only" on %s'
            ' to service_role using (true) with check (true)', p_table);
    end if;
    execute format('create or replace trigger full_pass_guard before insert or update or delete or truncate on %s'
        ' for each statement execute function public.full_pass_guard_table()', p_table);
end $$;

call public.full_pass_protect('public.memory_facts', true);
call public.full_pass_protect('public.memory_fact_sources', true);
call public.full_pass_protect('public.memory_decisions', false);

-- Makes user_id of each table of the full pass a foreign key to auth.users with on delete cascade, where it is none yet.
-- Rows without an account stay: the key then holds for what is written from now on (`not valid`). Where no user of
-- user_profiles has an account in auth.users, the app's accounts are somewhere else, and nothing is made. May be called
-- again at any time.
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
    for v_table in
        select a.attrelid::regclass from pg_catalog.pg_attribute as a
        where a.attname = 'user_id' and exists (
            select from pg_catalog.pg_trigger as t where t.tgrelid = a.attrelid and t.tgname = 'full_pass_guard')
        order by 1
    loop
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

-- Keeps what a model answered for chunks. p_outcomes: array of {"chunk_key", "outcome", "facts"?, "error"?,
-- "unsupported"?}. Not fenced: an answer is right whichever run asked for it, and it has been paid for. An answer is
-- never overwritten. Returns for how many seconds no run may call the model.
create or replace function public.full_pass_save_facts(
    p_user_id uuid, p_prompt_version text, p_model text, p_outcomes jsonb
) returns double precision language plpgsql set search_path = '' as $$
begin
    insert into public.chunk_facts as stored
        (user_id, chunk_key, prompt_version, model, outcome, facts, error, unsupported)
    select distinct on (o.chunk_key) p_user_id, o.chunk_key, p_prompt_version, p_model, o.outcome,
           coalesce(o.facts, '[]'), o.error, coalesce(o.unsupported, 0)
    from jsonb_to_recordset(p_outcomes)
        as o(chunk_key text, outcome text, facts jsonb, error text, unsupported integer)
    on conflict (user_id, prompt_version, model, chunk_key) do update set
        outcome = excluded.outcome, facts = excluded.facts, error = excluded.error, unsupported = excluded.unsupported,
        created_at = now()
    where stored.outcome = 'failed';
    return public.full_pass_pause(p_model, 0);
end $$;

-- Inserts facts, or brings them and their sources up to date where the digest differs; what the person wants forgotten
-- stays so. p_facts: array of objects with columns of memory_facts and "sources", an array of objects with columns of
-- memory_fact_sources, all that say the fact. A fact comes with the one that supersedes it, or later. Returns how many
-- were written.
create or replace function public.full_pass_save_memory_facts(p_user_id uuid, p_run_id text, p_facts jsonb)
returns integer language plpgsql set search_path = '' as $$
declare
    v_written uuid[];
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    with written as (
        insert into public.memory_facts as stored
            (id, user_id, subject, kind, slot, text, language, stance, status, superseded_by, valid_from, valid_to,
                said_first, said_last, mentions, conversations, statement_keys, digest)
        select id, p_user_id, subject, kind, slot, text, language, stance, status, superseded_by, valid_from, valid_to,
            said_first, said_last, mentions, conversations, statement_keys, digest
        from jsonb_populate_recordset(null::public.memory_facts, p_facts)
        on conflict (id) do update set (subject, kind, slot, text, language, stance, status, superseded_by, valid_from,
                valid_to, said_first, said_last, mentions, conversations, statement_keys, digest, updated_at)
            = row (excluded.subject, excluded.kind, excluded.slot, excluded.text, excluded.language, excluded.stance,
                case stored.status when 'forgotten' then 'forgotten' else excluded.status end, excluded.superseded_by,
                excluded.valid_from, excluded.valid_to, excluded.said_first, excluded.said_last, excluded.mentions,
                excluded.conversations, excluded.statement_keys, excluded.digest, now())
        where stored.user_id = p_user_id and stored.digest is distinct from excluded.digest
        returning id
    ) select coalesce(array_agg(id), '{}') into v_written from written;
    delete from public.memory_fact_sources where user_id = p_user_id and fact_id = any (v_written);
    insert into public.memory_fact_sources (user_id, fact_id, chunk_key, conversation_id, message, quote, said_at)
    select p_user_id, given.id, source.chunk_key, source.conversation_id, source.message, source.quote, source.said_at
    from jsonb_to_recordset(p_facts) as given(id uuid, sources jsonb),
        jsonb_populate_recordset(null::public.memory_fact_sources, given.sources) as source
    where given.id = any (v_written);
    return cardinality(v_written);
end $$;

-- What becomes of facts that nothing says any more: withdrawn, without sources, or with p_erase gone. What the person
-- has said of them stays. Returns how many.
create or replace function public.full_pass_withdraw_facts(
    p_user_id uuid, p_run_id text, p_ids uuid[], p_erase boolean
) returns integer language plpgsql set search_path = '' as $$
declare
    v_withdrawn integer;
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    if p_erase then
        delete from public.memory_facts
            where user_id = p_user_id and id = any (p_ids) and origin = 'chats' and status <> 'forgotten';
        get diagnostics v_withdrawn = row_count;
        return v_withdrawn;
    end if;
    delete from public.memory_fact_sources where user_id = p_user_id and fact_id = any (p_ids);
    update public.memory_facts set
        status = 'withdrawn', superseded_by = null, mentions = 0, conversations = 0, digest = null,
        updated_at = now()
    where user_id = p_user_id and id = any (p_ids) and origin = 'chats' and status in ('current', 'superseded');
    get diagnostics v_withdrawn = row_count;
    return v_withdrawn;
end $$;

-- What a model decided about each of these questions, of those that were asked: question_key → decision.
create or replace function public.full_pass_decisions(p_user_id uuid, p_question_keys text[])
returns jsonb language plpgsql set search_path = '' as $$
begin
    update public.memory_decisions set used_at = now()
        where user_id = p_user_id and question_key = any (p_question_keys) and used_at < now() - interval '1 day';
    return coalesce((
        select jsonb_object_agg(question_key, decision) from public.memory_decisions
        where user_id = p_user_id and question_key = any (p_question_keys)), '{}');
end $$;

-- Keeps decisions: question_key → decision. Not fenced: they have been paid for.
create or replace function public.full_pass_save_decisions(p_user_id uuid, p_decisions jsonb)
returns void language sql set search_path = '' as $$
    insert into public.memory_decisions (user_id, question_key, decision)
    select p_user_id, key, value from jsonb_each(p_decisions)
    on conflict (user_id, question_key) do nothing;
$$;

-- Deletes answers that have been without a chunk for so long, and decisions that no pass has used for so long, at most
-- p_limit of each. Returns how many.
create or replace function public.full_pass_forget_answers(p_unused_for interval, p_limit integer)
returns integer language plpgsql set search_path = '' as $$
declare
    v_answers integer;
    v_decisions integer;
begin
    delete from public.chunk_facts where ctid = any (array(
        select answer.ctid from public.chunk_facts as answer
        where unused_since <= now() - p_unused_for and not exists (
            -- It has come back, in an import that has not ended.
            select from public.conversation_chunks as chunk
            where chunk.user_id = answer.user_id and chunk.chunk_key = answer.chunk_key)
        limit p_limit
        for update skip locked));
    get diagnostics v_answers = row_count;
    delete from public.memory_decisions where ctid = any (array(
        select ctid from public.memory_decisions where used_at <= now() - p_unused_for
        limit p_limit
        for update skip locked));
    get diagnostics v_decisions = row_count;
    return v_answers + v_decisions;
end $$;

call public.full_pass_publish_functions();
call public.full_pass_reference_accounts();
