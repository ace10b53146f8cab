-- MEMORY as entries, each with the facts that it says, and the person's last word on them. `user_profiles.memory_md` is
-- rendered from the entries, here and nowhere else, so that the full pass and the app cannot differ.

alter table public.memory_facts
    -- Of MEMORY, that the fact belongs to; null in rows from before.
    add column if not exists section text check (
        section in ('person', 'preferences', 'projects', 'dates', 'beliefs', 'decisions', 'people')),
    -- The person has taken it out of MEMORY: it holds, and is found when searched for, and is not chosen again.
    add column if not exists suppressed boolean not null default false,
    -- By which the fact is known again in other words, see flows/memory/traces.py; null in rows from before.
    add column if not exists traces text[];

alter table public.user_profiles
    -- Of memory_md as it was rendered last: by this a change of the person's is known. Null: never rendered.
    add column if not exists full_pass_memory_digest text;

create table if not exists public.memory_entries (
    user_id uuid not null,
    id uuid not null,
    section text not null check (
        section in ('person', 'preferences', 'projects', 'dates', 'beliefs', 'decisions', 'people')),
    position integer not null,  -- within its section
    text text not null,
    fact_ids uuid[] not null check (cardinality(fact_ids) > 0),
    basis text,  -- of its facts as they were when it was written; null: they did not all hold
    -- model: a model wrote it from its facts; facts: it is a fact's own words; person: the person's.
    origin text not null check (origin in ('model', 'facts', 'person')),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (user_id, id)
);

-- What MEMORY and the sections were, the last twenty of each.
create table if not exists public.memory_versions (
    user_id uuid not null,
    version integer not null,
    kind text not null check (kind in ('memory', 'sections')),
    run_id text,  -- null: the person
    made_at timestamptz not null default now(),
    memory_md text,
    entries jsonb,  -- complete; null: it was no text of entries, or not of this kind
    sections jsonb,  -- column of user_profiles → text; null: not of this kind, or a fact has been forgotten since
    added uuid[] not null default '{}',
    changed uuid[] not null default '{}',
    removed uuid[] not null default '{}',
    primary key (user_id, version)
);

-- What the person has erased, as hashes under a key of the person's own; no text.
create table if not exists public.memory_erasures (
    id uuid primary key default gen_random_uuid(),
    user_id uuid not null,
    erased_at timestamptz not null default now(),
    conversation bytea,  -- its id; the rest is null then
    statements bytea[] not null default '{}',  -- each of its wordings, by key and by text
    stems bytea[] not null default '{}',
    names bytea[] not null default '{}',
    traits bytea,
    -- What of a life it filled, whose, until when that was said, and since when it held: what filled it before stays
    -- the past.
    slot bytea,
    said_last timestamptz,
    began text
);

create unique index if not exists memory_erasures_user on public.memory_erasures (user_id, id);

-- HMAC-SHA256 with a random key for each user (RFC 2104): the key as it is mixed into the inner and the outer hash.
create table if not exists public.memory_secrets (
    user_id uuid primary key,
    inner_pad bytea not null,
    outer_pad bytea not null
);

call public.full_pass_protect('public.memory_entries', true);
call public.full_pass_protect('public.memory_versions', true);
call public.full_pass_protect('public.memory_erasures', false);
call public.full_pass_protect('public.memory_secrets', false);
-- Nobody but the function that hashes.
revoke all on public.memory_secrets from service_role;

-- Keyed hashes

create or replace function public.full_pass_pad(p_key bytea, p_with integer)
returns bytea language plpgsql immutable set search_path = '' as $$
declare
    v_pad bytea := p_key || decode(repeat('00', 64 - length(p_key)), 'hex');
begin
    for at in 0..63 loop
        v_pad := set_byte(v_pad, at, get_byte(v_pad, at) # p_with);
    end loop;
    return v_pad;
end $$;

-- HMAC-SHA256 of each text under the user's key, its first half. Makes the key when there is none.
create or replace function public.full_pass_keyed(p_user_id uuid, p_texts text[])
returns bytea[] language plpgsql security definer set search_path = '' as $$
declare
    v_secret public.memory_secrets;
    v_key bytea;
begin
    select * into v_secret from public.memory_secrets where user_id = p_user_id;
    if not found then
        v_key := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
        insert into public.memory_secrets values (
            p_user_id, public.full_pass_pad(v_key, 54), public.full_pass_pad(v_key, 92)) on conflict do nothing;
        select * into v_secret from public.memory_secrets where user_id = p_user_id;
    end if;
    return array(
        select substr(sha256(v_secret.outer_pad || sha256(v_secret.inner_pad || convert_to(t, 'UTF8'))), 1, 16)
        from unnest(p_texts) with ordinality as given(t, n) order by n);
end $$;

-- A text as the same words compare: without case, spaces and the sign at its end.
create or replace function public.full_pass_plain(p_text text)
returns text language sql immutable set search_path = '' as $$
    select 'text ' || rtrim(lower(regexp_replace(normalize(p_text, nfkc), '\s+', ' ', 'g')), ' .!?')
$$;

-- What the person writes as one line, without what would make another heading or list of it.
create or replace function public.full_pass_line(p_text text)
returns text language sql immutable set search_path = '' as $$
    select regexp_replace(btrim(regexp_replace(
        coalesce(p_text, ''), '[\s\u0001-\u001f\u007f-\u009f\u2028\u2029]+', ' ', 'g')), '^([-*•#>]+( |$))+', '')
$$;

-- A line in pieces of at most a thousand characters, cut at spaces where there are any.
create or replace function public.full_pass_pieces(p_line text)
returns setof text language plpgsql immutable set search_path = '' as $$
declare
    v_cut integer;
begin
    while length(p_line) > 1000 loop
        v_cut := 1000 - coalesce(nullif(strpos(reverse(left(p_line, 1000)), ' '), 0), 1) + 1;
        return next rtrim(left(p_line, v_cut));
        p_line := ltrim(substr(p_line, v_cut + 1));
    end loop;
    return next p_line;
end $$;

-- Raises 22023 for nothing and for more than a thousand characters.
create or replace function public.full_pass_one_line(p_text text)
returns text language plpgsql immutable set search_path = '' as $$
declare
    v_text text := public.full_pass_line(p_text);
begin
    if v_text = '' or length(v_text) > 1000 then
        raise exception using errcode = 'invalid_parameter_value',
            message = 'an entry of MEMORY has 1 to 1000 characters';
    end if;
    return v_text;
end $$;

-- Rendering

create or replace function public.full_pass_titles()
returns table (section text, place bigint, title text, kind text)
language sql immutable set search_path = '' as $$
    select * from (values
        ('person', 1::bigint, 'Who they are', 'belief'), ('preferences', 2, 'Preferences', 'preference'),
        ('projects', 3, 'Projects', 'project'), ('dates', 4, 'Important Dates', 'date'),
        ('beliefs', 5, 'Beliefs & Values', 'belief'), ('decisions', 6, 'Decisions & Context', 'decision'),
        ('people', 7, 'People', 'belief')) as t
$$;

-- Of entries as an array of objects with section, position, id and text.
create or replace function public.full_pass_render(p_entries jsonb)
returns text language sql immutable set search_path = '' as $$
    select '# MEMORY' || coalesce(string_agg(E'\n\n## ' || title || E'\n\n' || lines, '' order by place), '') || E'\n'
    from (
        select t.place, t.title, string_agg('- ' || e.text, E'\n' order by e.position, e.id) as lines
        from jsonb_to_recordset(p_entries) as e(section text, position integer, id uuid, text text)
        join public.full_pass_titles() as t using (section)
        group by t.place, t.title
    ) as sections
$$;

create or replace function public.full_pass_stored_entries(p_user_id uuid)
returns jsonb language sql stable set search_path = '' as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', e.id, 'section', e.section, 'position', e.position, 'text', e.text, 'fact_ids', e.fact_ids,
        'origin', e.origin) order by t.place, e.position, e.id), '[]')
    from public.memory_entries as e join public.full_pass_titles() as t using (section) where e.user_id = p_user_id
$$;

-- What an entry's facts say. Null unless all of them hold and stand in MEMORY.
create or replace function public.full_pass_basis(p_user_id uuid, p_fact_ids uuid[])
returns text language sql stable set search_path = '' as $$
    select case when count(*) = cardinality(array(select distinct unnest(p_fact_ids)))
        then md5(jsonb_agg(jsonb_build_array(id, text, stance, valid_from, valid_to) order by id)::text) end
    from public.memory_facts
    where user_id = p_user_id and id = any (p_fact_ids) and status = 'current' and not suppressed
$$;

-- Renders MEMORY, also where soulprint_text ends with it, and keeps a version when it has changed against p_before, the
-- entries before. Returns {"memory_md", "added", "changed", "removed"}.
create or replace function public.full_pass_publish_memory(p_user_id uuid, p_run_id text, p_before jsonb)
returns jsonb language plpgsql set search_path = '' as $$
declare
    v_after jsonb := public.full_pass_stored_entries(p_user_id);
    v_memory_md text := public.full_pass_render(v_after);
    v_was text;
    v_digest text;
    v_added uuid[];
    v_changed uuid[];
    v_removed uuid[];
begin
    select memory_md, full_pass_memory_digest into v_was, v_digest
        from public.user_profiles where user_id = p_user_id for update;
    select
        coalesce(array_agg(new.id order by new.id) filter (where old.id is null), '{}'),
        coalesce(array_agg(new.id order by new.id) filter (where old.id = new.id and (old.section, old.text, old.fact_ids)
            is distinct from (new.section, new.text, new.fact_ids)), '{}'),
        coalesce(array_agg(old.id order by old.id) filter (where new.id is null), '{}')
    into v_added, v_changed, v_removed
    from jsonb_to_recordset(p_before) as old(id uuid, section text, text text, fact_ids jsonb)
    full join jsonb_to_recordset(v_after) as new(id uuid, section text, text text, fact_ids jsonb) using (id);
    if v_was is distinct from v_memory_md or v_digest is distinct from md5(v_memory_md) then
        update public.user_profiles set
            memory_md = v_memory_md,
            full_pass_memory_digest = md5(v_memory_md),
            soulprint_text = public.full_pass_with_ending(soulprint_text, v_was, v_memory_md)
        where user_id = p_user_id;
    end if;
    if v_was is distinct from v_memory_md or cardinality(v_added || v_changed || v_removed) > 0 then
        if v_digest is null and btrim(v_was, E' \n') <> '' then
            perform public.full_pass_add_version(p_user_id, p_run_id, 'memory', v_was, null, null);
        end if;
        perform public.full_pass_add_version(p_user_id, p_run_id, 'memory', v_memory_md, v_after, null,
            v_added, v_changed, v_removed);
    end if;
    return jsonb_build_object('memory_md', v_memory_md, 'added', cardinality(v_added),
        'changed', cardinality(v_changed), 'removed', cardinality(v_removed));
end $$;

-- p_text with p_new in the place of p_old, if it ends with that; spaces at the end are none of it.
create or replace function public.full_pass_with_ending(p_text text, p_old text, p_new text)
returns text language sql immutable set search_path = '' as $$
    select case when length(old.said) > 0 and right(whole.said, length(old.said)) = old.said
        then left(whole.said, -length(old.said)) || rtrim(p_new, E' \n') || substr(p_text, length(whole.said) + 1)
        else p_text end
    from (select rtrim(p_text, E' \n')) as whole(said), (select rtrim(p_old, E' \n')) as old(said)
$$;

create or replace function public.full_pass_add_version(
    p_user_id uuid, p_run_id text, p_kind text, p_memory_md text, p_entries jsonb, p_sections jsonb,
    p_added uuid[] default '{}', p_changed uuid[] default '{}', p_removed uuid[] default '{}'
) returns void language plpgsql set search_path = '' as $$
begin
    insert into public.memory_versions
        (user_id, version, kind, run_id, memory_md, entries, sections, added, changed, removed)
    select p_user_id, coalesce(max(version), 0) + 1, p_kind, p_run_id, p_memory_md, p_entries, p_sections, p_added,
        p_changed, p_removed
    from public.memory_versions where user_id = p_user_id;
    delete from public.memory_versions where user_id = p_user_id and kind = p_kind and version <= (
        select version from public.memory_versions where user_id = p_user_id and kind = p_kind
        order by version desc offset 20 limit 1);
end $$;

-- Replaces each entry that says one of the facts p_gone by the own words of its other facts, as far as they hold.
create or replace function public.full_pass_drop_from_entries(p_user_id uuid, p_gone uuid[])
returns void language plpgsql set search_path = '' as $$
begin
    with gone as (
        delete from public.memory_entries where user_id = p_user_id and fact_ids && p_gone returning *
    )
    insert into public.memory_entries (user_id, id, section, position, text, fact_ids, basis, origin)
    select distinct on (f.id) p_user_id, f.id, gone.section, gone.position,
        btrim(regexp_replace(f.text, '\s+', ' ', 'g')), array[f.id],
        public.full_pass_basis(p_user_id, array[f.id]), 'facts'
    from gone join public.memory_facts as f on f.user_id = p_user_id and f.id = any (gone.fact_ids)
    where f.id <> all (p_gone) and f.status = 'current' and not f.suppressed
    on conflict (user_id, id) do nothing;
end $$;

-- For the flow

-- MEMORY as it stands: an array of entries in their order. fresh: its facts are as they were when it was written, and all
-- hold; what the person wrote stays as it is for as long as its fact holds. One value, since "Max rows" cuts off rows.
create or replace function public.full_pass_entries(p_user_id uuid)
returns jsonb language sql stable set search_path = '' as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'id', e.id, 'section', e.section, 'position', e.position, 'text', e.text, 'fact_ids', e.fact_ids,
        'origin', e.origin, 'fresh', case e.origin when 'person' then now_says.basis is not null
            else coalesce(now_says.basis = e.basis, false) end) order by t.place, e.position, e.id), '[]')
    from public.memory_entries as e join public.full_pass_titles() as t using (section),
        lateral (select public.full_pass_basis(p_user_id, e.fact_ids) as basis) as now_says
    where e.user_id = p_user_id
$$;

-- Makes p_entries (array of {"id", "section", "position", "text", "fact_ids", "origin"}) the entries of MEMORY and
-- renders it. What the person has forgotten, deleted or corrected meanwhile is left out; what they have added since the
-- run began stays. Rows that say the same stay as they are. Returns {"memory_md", "added", "changed", "removed"}.
create or replace function public.full_pass_save_entries(p_user_id uuid, p_run_id text, p_entries jsonb)
returns jsonb language plpgsql set search_path = '' as $$
declare
    v_before jsonb := public.full_pass_stored_entries(p_user_id);
    v_gone uuid[];
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    v_before := public.full_pass_stored_entries(p_user_id);
    delete from public.memory_entries as e where e.user_id = p_user_id
        and not exists (select from jsonb_to_recordset(p_entries) as given(id uuid) where given.id = e.id)
        and not (e.origin = 'person' and public.full_pass_basis(p_user_id, e.fact_ids) is not null and e.created_at >= (
            select full_pass_started_at from public.user_profiles where user_id = p_user_id));
    insert into public.memory_entries as stored (user_id, id, section, position, text, fact_ids, basis, origin)
    select distinct on (given.id) p_user_id, given.id, given.section, given.position,
        btrim(regexp_replace(given.text, '\s+', ' ', 'g')), given.fact_ids,
        public.full_pass_basis(p_user_id, given.fact_ids), given.origin
    from jsonb_populate_recordset(null::public.memory_entries, p_entries) as given
    on conflict (user_id, id) do update set (section, position, text, fact_ids, basis, origin, updated_at)
        = row (excluded.section, excluded.position, excluded.text, excluded.fact_ids, excluded.basis, excluded.origin,
            now())
    where (stored.section, stored.position, stored.text, stored.fact_ids, stored.basis, stored.origin)
        is distinct from (excluded.section, excluded.position, excluded.text, excluded.fact_ids, excluded.basis,
            excluded.origin);
    -- Cited, and gone since: not there, or there and no longer to be told.
    select coalesce(array_agg(cited.id), '{}') into v_gone
    from (select distinct unnest(fact_ids) as id from public.memory_entries where user_id = p_user_id) as cited
    left join public.memory_facts as f on f.user_id = p_user_id and f.id = cited.id
    where f.id is null or f.status <> 'current' or f.suppressed;
    if cardinality(v_gone) > 0 then
        perform public.full_pass_drop_from_entries(p_user_id, v_gone);
    end if;
    return public.full_pass_publish_memory(p_user_id, p_run_id, v_before);
end $$;

-- As before, and kept as a version when something has changed.
create or replace function public.full_pass_save_sections(
    p_user_id uuid, p_run_id text, p_sections jsonb, p_soulprint_text text
) returns void language plpgsql set search_path = '' as $$
declare
    v_was jsonb;
    v_now jsonb;
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    v_was := public.full_pass_stored_sections(p_user_id);
    update public.user_profiles set
        soul_md = p_sections ->> 'soul_md',
        identity_md = p_sections ->> 'identity_md',
        user_md = p_sections ->> 'user_md',
        agents_md = p_sections ->> 'agents_md',
        tools_md = p_sections ->> 'tools_md',
        soulprint_text = p_soulprint_text
    where user_id = p_user_id;
    v_now := public.full_pass_stored_sections(p_user_id);
    if v_now = v_was then
        return;
    end if;
    if jsonb_strip_nulls(v_was) <> '{}' and not exists (
        select from public.memory_versions where user_id = p_user_id and kind = 'sections')
    then
        perform public.full_pass_add_version(p_user_id, null, 'sections', null, null, v_was);
    end if;
    perform public.full_pass_add_version(p_user_id, p_run_id, 'sections', null, null, v_now);
end $$;

create or replace function public.full_pass_stored_sections(p_user_id uuid)
returns jsonb language sql stable set search_path = '' as $$
    select jsonb_build_object('soul_md', soul_md, 'identity_md', identity_md, 'user_md', user_md, 'agents_md', agents_md,
        'tools_md', tools_md, 'soulprint_text', soulprint_text)
    from public.user_profiles where user_id = p_user_id
$$;

-- Facts

-- Inserts facts, or brings them and their sources up to date where the digest differs. What the person has told the app,
-- erased or taken out of MEMORY stays so. p_facts: array of objects with columns of memory_facts and "sources", an array
-- of objects with columns of memory_fact_sources, all that say the fact. A fact comes with the one that supersedes it, or
-- later. Returns how many were written.
create or replace function public.full_pass_save_memory_facts(p_user_id uuid, p_run_id text, p_facts jsonb)
returns integer language plpgsql set search_path = '' as $$
declare
    v_written uuid[];
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    p_facts := public.full_pass_not_erased(p_user_id, p_facts);
    with written as (
        insert into public.memory_facts as stored
            (id, user_id, subject, kind, slot, text, language, stance, status, superseded_by, valid_from, valid_to,
                said_first, said_last, mentions, conversations, section, traces, statement_keys, digest)
        select given.id, p_user_id, subject, kind, slot, text, language, stance, status, (
                -- A correction that was forgotten a moment ago is nothing that holds instead.
                select there.id from (
                    select id from public.memory_facts where user_id = p_user_id
                    union select id from jsonb_to_recordset(p_facts) as given(id uuid)
                ) as there where there.id = given.superseded_by),
            valid_from, valid_to, said_first, said_last, mentions, conversations, section, traces, statement_keys, digest
        from jsonb_populate_recordset(null::public.memory_facts, p_facts) as given
        on conflict (id) do update set (subject, kind, slot, text, language, stance, status, superseded_by, valid_from,
                valid_to, said_first, said_last, mentions, conversations, section, traces, statement_keys, digest,
                updated_at)
            = row (excluded.subject, excluded.kind, excluded.slot, excluded.text, excluded.language, excluded.stance,
                case stored.status when 'forgotten' then 'forgotten' else excluded.status end, excluded.superseded_by,
                excluded.valid_from, excluded.valid_to, excluded.said_first, excluded.said_last, excluded.mentions,
                excluded.conversations, excluded.section, excluded.traces, excluded.statement_keys, excluded.digest,
                now())
        where stored.user_id = p_user_id and stored.origin = 'chats' and stored.digest is distinct from excluded.digest
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

-- By which fact of the chats each of these, which the person has told the app, is superseded, and until when it held.
-- Superseded by none: what superseded it was erased. p_facts: array of {"id", "status", "superseded_by", "valid_to",
-- "traces"?}.
create or replace function public.full_pass_settle_person_facts(p_user_id uuid, p_run_id text, p_facts jsonb)
returns void language plpgsql set search_path = '' as $$
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    update public.memory_facts as f set
        status = given.status,
        superseded_by = there.id, valid_to = given.valid_to, traces = coalesce(given.traces, f.traces),
        updated_at = now()
    from jsonb_to_recordset(p_facts) as given(
        id uuid, status text, superseded_by uuid, valid_to text, traces text[])
    left join public.memory_facts as there on there.user_id = p_user_id and there.id = given.superseded_by
    where f.user_id = p_user_id and f.id = given.id and f.origin = 'person' and f.status in ('current', 'superseded')
        and (f.status, f.superseded_by, f.valid_to, f.traces)
            is distinct from (given.status, there.id, given.valid_to, coalesce(given.traces, f.traces));
end $$;

-- Erasing

-- p_facts (see full_pass_save_memory_facts) without those that the person has erased by one of their wordings, and without
-- what only conversations say that were forgotten: both may have happened since the pass has read them.
create or replace function public.full_pass_not_erased(p_user_id uuid, p_facts jsonb)
returns jsonb language plpgsql set search_path = '' as $$
declare
    v_erased bytea[] := array(
        select unnest(statements) from public.memory_erasures where user_id = p_user_id and conversation is null);
    v_conversations text[] := public.full_pass_erased_conversations(p_user_id, array(
        select distinct s.conversation_id from jsonb_to_recordset(p_facts) as f(sources jsonb),
            jsonb_to_recordset(f.sources) as s(conversation_id text)));
begin
    if cardinality(v_conversations) > 0 then
        p_facts := coalesce((
            select jsonb_agg(fact || jsonb_build_object('sources', kept.sources)) from jsonb_array_elements(p_facts) as fact,
                lateral (select jsonb_agg(s) as sources from jsonb_array_elements(fact -> 'sources') as s
                    where s ->> 'conversation_id' <> all (v_conversations)) as kept
            where kept.sources is not null), '[]');
    end if;
    if cardinality(v_erased) > 0 then
        p_facts := coalesce((select jsonb_agg(fact) from jsonb_array_elements(p_facts) as fact
            where not public.full_pass_keyed(p_user_id, array(
                select jsonb_array_elements_text(fact -> 'statement_keys') union all
                select public.full_pass_plain(fact ->> 'text'))) && v_erased), '[]');
    end if;
    return p_facts;
end $$;

create or replace function public.full_pass_erased_conversations(p_user_id uuid, p_conversation_ids text[])
returns text[] language plpgsql set search_path = '' as $$
begin
    if not exists (select from public.memory_erasures where user_id = p_user_id and conversation is not null) then
        return '{}';
    end if;
    return array(
        select given.id
        from unnest(p_conversation_ids, public.full_pass_keyed(p_user_id, p_conversation_ids)) as given(id, hash)
        join public.memory_erasures as e on e.user_id = p_user_id and e.conversation = given.hash);
end $$;

-- Of statements (array of {"key", "keys", "text", "traces", "subject", "slot", "stance", "said_last"}) those that the
-- person has erased, also in other words, and those whose place something took that was erased: array of {"key",
-- "erased", "since"}. In other words: the traits are equal, each has the other's names, and of the stems of the one
-- that has fewer three and 40 %, or two and all, stand in the other (see flows/memory/traces.py).
create or replace function public.full_pass_erased(p_user_id uuid, p_statements jsonb)
returns jsonb language plpgsql set search_path = '' as $$
begin
    return (
        with given as materialized (
            select s.key, s.stance, s.said_last,
                public.full_pass_keyed(p_user_id, s.keys || public.full_pass_plain(s.text)) as statements,
                public.full_pass_keyed(p_user_id, array[public.full_pass_about(s.slot, s.subject)]) as about, traces.*
            from jsonb_to_recordset(p_statements) as s(
                key text, keys text[], text text, traces text[], subject text, slot text, stance text,
                said_last timestamptz),
            lateral public.full_pass_hashed_traces(p_user_id, s.traces) as traces
        ), same as (
            select distinct given.key from given join public.memory_erasures as e
                on e.user_id = p_user_id and e.conversation is null and (e.statements && given.statements
                or e.traits = given.traits and e.names <@ given.stems and given.names <@ e.stems and (
                    e.stems <@ given.stems and given.stems <@ e.stems and cardinality(e.stems) > 0 or (
                        select count(*) >= greatest(3, least(cardinality(e.stems), cardinality(given.stems)) * 0.4)
                            or count(*) = greatest(2, least(cardinality(e.stems), cardinality(given.stems)))
                        from unnest(e.stems) as stem where stem = any (given.stems))))
        ), past as (
            select given.key, min(e.began) as since from given join public.memory_erasures as e
                on e.user_id = p_user_id and e.slot = given.about[1] and given.said_last <= e.said_last
            where given.stance <> 'past' group by given.key
        )
        select coalesce(jsonb_agg(jsonb_build_object(
            'key', coalesce(same.key, past.key), 'erased', same.key is not null, 'since', past.since)), '[]')
        from same full join past using (key));
end $$;

create or replace function public.full_pass_hashed_traces(
    p_user_id uuid, p_traces text[], out traits bytea, out names bytea[], out stems bytea[]
) language plpgsql set search_path = '' as $$
begin
    if p_traces is not null then
        traits := (public.full_pass_keyed(p_user_id, array[
            (select string_agg(t, E'\n' order by t collate "C") from unnest(p_traces) as t where t like '=%')]))[1];
    end if;
    names := public.full_pass_keyed(p_user_id, array(select substr(t, 2) from unnest(p_traces) as t where t like '@%'));
    stems := public.full_pass_keyed(p_user_id, array(select substr(t, 2) from unnest(p_traces) as t where t like '~%'));
end $$;

-- What of whose life a slot is.
create or replace function public.full_pass_about(p_slot text, p_subject text)
returns text language sql immutable set search_path = '' as $$
    select case when p_slot is not null then 'slot ' || lower(p_slot) || E'\n' || lower(coalesce(p_subject, '')) end
$$;

-- Erases facts with everything that is kept of their words, but for the conversations themselves. Remembers hashes: with
-- p_for_good of what they say, and in any case of what they had taken the place of.
create or replace function public.full_pass_erase_facts(p_user_id uuid, p_ids uuid[], p_for_good boolean)
returns void language plpgsql set search_path = '' as $$
begin
    insert into public.memory_erasures (user_id, statements, stems, names, traits, slot, said_last, began)
    select p_user_id, case when p_for_good
            then public.full_pass_keyed(p_user_id, f.statement_keys || public.full_pass_plain(f.text)) else '{}' end,
        case when p_for_good then traces.stems else '{}' end, case when p_for_good then traces.names else '{}' end,
        case when p_for_good then traces.traits end,
        case when f.slot is not null and f.stance = 'stated' then
            (public.full_pass_keyed(p_user_id, array[public.full_pass_about(f.slot, f.subject)]))[1] end,
        f.said_last,
        coalesce(f.valid_from, to_char(coalesce(f.said_first, f.said_last) at time zone 'UTC', 'YYYY-MM-DD'))
    from public.memory_facts as f, lateral public.full_pass_hashed_traces(p_user_id, f.traces) as traces
    where f.user_id = p_user_id and f.id = any (p_ids) and (p_for_good or f.slot is not null and f.stance = 'stated');
    update public.chunk_facts as answer set facts = (
        select coalesce(jsonb_agg(told.fact order by told.n), '[]')
        from jsonb_array_elements(answer.facts) with ordinality as told(fact, n)
        where not exists (
            select from public.memory_fact_sources as s join public.memory_facts as f on f.id = s.fact_id
            where s.user_id = p_user_id and s.fact_id = any (p_ids) and s.chunk_key = answer.chunk_key
                and public.full_pass_says(told.fact, f.text, f.subject, s.quote, s.message)))
    where answer.user_id = p_user_id and answer.chunk_key in (
        select chunk_key from public.memory_fact_sources where user_id = p_user_id and fact_id = any (p_ids));
    perform public.full_pass_drop_from_entries(p_user_id, p_ids);
    -- What is still to come of a run that goes on is asked for again.
    delete from public.model_replies where user_id = p_user_id;
    update public.memory_versions as v set sections = null where user_id = p_user_id and sections is not null;
    update public.memory_versions as v set entries = kept.entries, memory_md = public.full_pass_render(kept.entries)
        from public.memory_versions as old, lateral (
            select coalesce(jsonb_agg(e), '[]') as entries from jsonb_array_elements(old.entries) as e
            where not e -> 'fact_ids' ?| p_ids::text[]) as kept
        where v.user_id = p_user_id and old.user_id = p_user_id and old.version = v.version
            and old.entries is not null and kept.entries <> old.entries;
    -- Of a text from before there were entries nobody knows what it says.
    update public.memory_versions set memory_md = null
        where user_id = p_user_id and kind = 'memory' and entries is null;
    delete from public.memory_facts where user_id = p_user_id and id = any (p_ids);
end $$;

-- Deletes facts that say what was erased in other words, with the answers that they come from; no new hash is kept.
-- p_facts: array of {"id", "text", "subject", "sources"}.
create or replace function public.full_pass_erase_again(p_user_id uuid, p_run_id text, p_facts jsonb)
returns void language plpgsql set search_path = '' as $$
declare
    v_ids uuid[] := array(select id from jsonb_to_recordset(p_facts) as f(id uuid));
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    with said as materialized (
        select f.text, f.subject, s.* from jsonb_to_recordset(p_facts) as f(text text, subject text, sources jsonb),
            jsonb_to_recordset(f.sources) as s(chunk_key text, quote text, message integer)
    )
    update public.chunk_facts as answer set facts = (
        select coalesce(jsonb_agg(told.fact order by told.n), '[]')
        from jsonb_array_elements(answer.facts) with ordinality as told(fact, n)
        where not exists (select from said where said.chunk_key = answer.chunk_key
            and public.full_pass_says(told.fact, said.text, said.subject, said.quote, said.message)))
    where answer.user_id = p_user_id and answer.chunk_key in (select chunk_key from said);
    perform public.full_pass_drop_from_entries(p_user_id, v_ids);
    delete from public.memory_facts where user_id = p_user_id and id = any (v_ids) and origin = 'chats';
end $$;

-- Whether an answer about a chunk is one that says the fact: by the words that it quotes, where it quotes any.
create or replace function public.full_pass_says(
    p_told jsonb, p_text text, p_subject text, p_quote text, p_message integer
) returns boolean language sql immutable set search_path = '' as $$
    select public.full_pass_plain(p_told ->> 'text') = public.full_pass_plain(p_text)
        or p_quote is not null and p_told ->> 'quote' = p_quote and (p_told ->> 'message')::integer = p_message
            and p_told ->> 'subject' is not distinct from p_subject
$$;

-- The person writes MEMORY itself

-- A fact and an entry in the person's words, which hold from now on. p_instead: a fact in whose place it stands; null:
-- none. Returns its id; that of the one there is, if the person has said it before.
create or replace function public.full_pass_say(p_user_id uuid, p_text text, p_section text, p_instead uuid)
returns uuid language plpgsql set search_path = '' as $$
declare
    v_text text := public.full_pass_one_line(p_text);
    v_old public.memory_facts;
    v_entry public.memory_entries;
    v_id uuid := gen_random_uuid();
    v_said text := to_char(now() at time zone 'UTC', 'YYYY-MM-DD');
begin
    if not exists (select from public.full_pass_titles() where section = p_section) then
        raise exception using errcode = 'invalid_parameter_value', message = 'MEMORY has no such section',
            hint = 'person, preferences, projects, dates, beliefs, decisions or people';
    end if;
    if p_instead is null then
        select id into v_id from public.memory_facts where user_id = p_user_id and origin = 'person'
            and status = 'current' and not suppressed and text = v_text limit 1;
        if found then
            return v_id;
        end if;
        v_id := gen_random_uuid();
    end if;
    if (select count(*) >= 2000 from public.memory_facts where user_id = p_user_id and origin = 'person') then
        raise exception using errcode = 'program_limit_exceeded',
            message = 'MEMORY has 2000 entries of the person''s own; forget some first';
    end if;
    select * into v_old from public.memory_facts where user_id = p_user_id and id = p_instead;
    -- Said again by the person, it is erased no more.
    delete from public.memory_erasures where user_id = p_user_id
        and statements && public.full_pass_keyed(p_user_id, array[public.full_pass_plain(v_text)]);
    insert into public.memory_facts
        (id, user_id, subject, kind, slot, text, language, section, origin, said_first, said_last)
    select v_id, p_user_id, v_old.subject, coalesce(v_old.kind, kind), v_old.slot, v_text, v_old.language, p_section,
        'person', date_trunc('second', now()), date_trunc('second', now())
    from public.full_pass_titles() where section = p_section;
    select * into v_entry from public.memory_entries
        where user_id = p_user_id and p_instead = any (fact_ids) order by position limit 1;
    if p_instead is not null then
        update public.memory_facts set status = 'superseded', superseded_by = v_id, updated_at = now(),
            valid_to = coalesce(valid_to, case when coalesce(valid_from, '') <= v_said then v_said end)
        where user_id = p_user_id and id = p_instead;
        perform public.full_pass_drop_from_entries(p_user_id, array[p_instead]);
    end if;
    insert into public.memory_entries (user_id, id, section, position, text, fact_ids, basis, origin)
    values (p_user_id, v_id, p_section, coalesce(
            case when v_entry.section = p_section then v_entry.position end,
            (select max(position) + 1 from public.memory_entries where user_id = p_user_id and section = p_section), 0),
        v_text, array[v_id], public.full_pass_basis(p_user_id, array[v_id]), 'person');
    return v_id;
end $$;

-- Takes over what the person has changed in memory_md itself, against what was rendered last. A line that is gone: its
-- entry goes, and its facts are taken out of MEMORY. A new line: the person's own, in the section whose heading stands
-- above it ("Decisions & Context" where none does). A line that has taken the place of one with many of its words: the
-- person's correction of its facts. No edits are a text from before there were entries, an empty one, and one that has
-- neither the title nor a line in common with what was rendered: another document. Returns {"deleted", "edited", "added"}.
create or replace function public.full_pass_adopt_edits(p_user_id uuid, p_run_id text)
returns jsonb language plpgsql set search_path = '' as $$
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    return public.full_pass_take_over_edits(p_user_id, null);
end $$;

create or replace function public.full_pass_take_over_edits(p_user_id uuid, p_run_id text)
returns jsonb language plpgsql set search_path = '' as $$
declare
    v_before jsonb := public.full_pass_stored_entries(p_user_id);
    v_memory_md text;
    v_digest text;
    v_line record;
    v_section text := 'decisions';
    v_gone public.memory_entries[];
    v_old public.memory_entries;
    v_fact uuid;
    v_deleted integer := 0;
    v_edited integer := 0;
    v_added integer := 0;
    v_texts text[];
    v_room integer := greatest(2000 - (
        select count(*) from public.memory_facts where user_id = p_user_id and origin = 'person'), 0);
begin
    select memory_md, full_pass_memory_digest into v_memory_md, v_digest
        from public.user_profiles where user_id = p_user_id for update;
    if v_digest is null or btrim(coalesce(v_memory_md, ''), E' \t\r\n') = '' or md5(v_memory_md) = v_digest then
        return jsonb_build_object('deleted', 0, 'edited', 0, 'added', 0);
    end if;
    v_texts := array(select public.full_pass_line(line) from regexp_split_to_table(v_memory_md, '\r?\n') as line);
    if v_memory_md !~ '(^|\n)# MEMORY\s*(\n|$)' and not exists (
        select from public.memory_entries where user_id = p_user_id and text = any (v_texts))
    then
        return jsonb_build_object('deleted', 0, 'edited', 0, 'added', 0);
    end if;
    v_gone := array(select e from public.memory_entries as e where user_id = p_user_id and text <> all (v_texts)
        order by section, position, id);
    for v_line in
        select line, piece as text
        from regexp_split_to_table(v_memory_md, '\r?\n') with ordinality as lines(line, n),
            public.full_pass_pieces(public.full_pass_line(line)) with ordinality as pieces(piece, m)
        order by n, m
    loop
        if v_line.line ~ '^\s*#' then
            v_section := coalesce((select section from public.full_pass_titles()
                where lower(title) = lower(btrim(v_line.line, E'# \t:'))), 'decisions');
            continue;
        end if;
        v_line.text := public.full_pass_line(v_line.text);
        continue when v_line.text = '' or v_room = 0 or exists (
            select from public.memory_entries where user_id = p_user_id and text in (
                v_line.text, public.full_pass_line(v_line.line)));
        v_room := v_room - 1;
        select e.* into v_old from unnest(v_gone) as e
            where e.section = v_section and public.full_pass_shared_words(e.text, v_line.text) >= 0.4
            order by public.full_pass_shared_words(e.text, v_line.text) desc, e.id limit 1;
        if found then
            v_gone := array(select e from unnest(v_gone) as e where e.id <> v_old.id);
            v_fact := public.full_pass_say(p_user_id, v_line.text, v_section, v_old.fact_ids[1]);
            update public.memory_facts set status = 'superseded', superseded_by = v_fact, updated_at = now()
                where user_id = p_user_id and id = any (v_old.fact_ids) and id <> v_fact and status = 'current';
            perform public.full_pass_drop_from_entries(p_user_id, v_old.fact_ids);
            v_edited := v_edited + 1;
        else
            perform public.full_pass_say(p_user_id, v_line.text, v_section, null);
            v_added := v_added + 1;
        end if;
    end loop;
    foreach v_old in array v_gone loop
        update public.memory_facts set suppressed = true, updated_at = now()
            where user_id = p_user_id and id = any (v_old.fact_ids);
        delete from public.memory_entries where user_id = p_user_id and id = v_old.id;
        v_deleted := v_deleted + 1;
    end loop;
    perform public.full_pass_publish_memory(p_user_id, p_run_id, v_before);
    return jsonb_build_object('deleted', v_deleted, 'edited', v_edited, 'added', v_added);
end $$;

-- How many of the words of both texts stand in both, from 0 to 1.
create or replace function public.full_pass_shared_words(p_one text, p_other text)
returns double precision language sql immutable set search_path = '' as $$
    select count(*) filter (where in_one and in_other)::double precision / greatest(count(*), 1) from (
        select word, bool_or(n = 1) as in_one, bool_or(n = 2) as in_other
        from (values (1, p_one), (2, p_other)) as texts(n, text),
            regexp_split_to_table(lower(text), '[\s.,;:!?()"]+') as word
        where word <> '' group by word
    ) as words
$$;

-- For the app

-- In a schema that no API shows: with the owner's rights, for the own rows.
create schema if not exists full_pass;
revoke all on schema full_pass from public;
grant usage on schema full_pass to authenticated, service_role;

-- Whose memory is meant: the user's own, or whichever service_role and the owner name.
create or replace function full_pass.whose(p_user_id uuid)
returns uuid language plpgsql stable set search_path = '' as $$
declare
    v_role name := coalesce(nullif(current_setting('role', true), 'none'), session_user);
    v_person uuid := auth.uid();
begin
    if v_role not in ('authenticated', 'anon') and (v_role = 'service_role' or pg_has_role(v_role, (
        select relowner from pg_catalog.pg_class where oid = 'public.memory_facts'::regclass), 'usage'))
    then
        v_person := coalesce(p_user_id, v_person);
    elsif p_user_id <> v_person then
        v_person := null;
    end if;
    if v_person is null then
        raise exception using errcode = 'insufficient_privilege', message = 'there is no such memory of yours',
            hint = 'A user names none but the own; service_role names p_user_id.';
    end if;
    return v_person;
end $$;

-- The same, with the row locked as a pass does.
create or replace function full_pass.person(p_user_id uuid)
returns uuid language plpgsql set search_path = '' as $$
declare
    v_person uuid := full_pass.whose(p_user_id);
begin
    perform from public.user_profiles where user_id = v_person for update;
    if not found then
        raise exception using errcode = 'no_data_found', message = 'user_profiles has no row for the user';
    end if;
    return v_person;
end $$;

create or replace function full_pass.known_fact(p_user_id uuid, p_fact uuid)
returns public.memory_facts language plpgsql set search_path = '' as $$
declare
    v_fact public.memory_facts;
begin
    select * into v_fact from public.memory_facts where user_id = p_user_id and id = p_fact;
    if not found then
        raise exception using errcode = 'no_data_found', message = 'there is no such fact';
    end if;
    return v_fact;
end $$;

create or replace function full_pass.memory_forget(p_fact uuid, p_user_id uuid)
returns jsonb language plpgsql security definer set search_path = '' as $$
declare
    v_user_id uuid := full_pass.person(p_user_id);
    v_before jsonb;
begin
    perform public.full_pass_take_over_edits(v_user_id, null);
    v_before := public.full_pass_stored_entries(v_user_id);
    perform full_pass.known_fact(v_user_id, p_fact);
    -- With a correction goes what it corrected, which was wrong; where both fill a slot, that one is the past.
    perform public.full_pass_erase_facts(v_user_id, array(
        select corrected.id from public.memory_facts as corrected
        join public.memory_facts as f on f.id = corrected.superseded_by and f.origin = 'person'
        where corrected.user_id = v_user_id and f.id = p_fact and corrected.slot is null
        union select p_fact), true);
    return public.full_pass_publish_memory(v_user_id, null, v_before);
end $$;

create or replace function full_pass.memory_correct(p_fact uuid, p_text text, p_user_id uuid)
returns jsonb language plpgsql security definer set search_path = '' as $$
declare
    v_user_id uuid := full_pass.person(p_user_id);
    v_before jsonb;
    v_fact public.memory_facts;
    v_id uuid;
begin
    perform public.full_pass_take_over_edits(v_user_id, null);
    v_before := public.full_pass_stored_entries(v_user_id);
    v_fact := full_pass.known_fact(v_user_id, p_fact);
    if v_fact.status <> 'current' then
        raise exception using errcode = 'invalid_parameter_value', message = 'only a fact that holds can be corrected';
    end if;
    v_id := p_fact;
    if public.full_pass_one_line(p_text) <> v_fact.text then
        v_id := public.full_pass_say(v_user_id, p_text, coalesce(v_fact.section, 'decisions'), p_fact);
    end if;
    return public.full_pass_publish_memory(v_user_id, null, v_before) || jsonb_build_object('fact', v_id);
end $$;

create or replace function full_pass.memory_add(p_text text, p_section text, p_user_id uuid)
returns jsonb language plpgsql security definer set search_path = '' as $$
declare
    v_user_id uuid := full_pass.person(p_user_id);
    v_before jsonb;
    v_id uuid;
begin
    perform public.full_pass_take_over_edits(v_user_id, null);
    v_before := public.full_pass_stored_entries(v_user_id);
    v_id := public.full_pass_say(v_user_id, p_text, coalesce(p_section, 'decisions'), null);
    return public.full_pass_publish_memory(v_user_id, null, v_before) || jsonb_build_object('fact', v_id);
end $$;

create or replace function full_pass.memory_forget_conversation(p_id text, p_user_id uuid)
returns jsonb language plpgsql security definer set search_path = '' as $$
declare
    v_user_id uuid := full_pass.person(p_user_id);
    v_before jsonb;
    v_hash bytea := (public.full_pass_keyed(v_user_id, array[p_id]))[1];
begin
    if p_id is null then
        raise exception using errcode = 'invalid_parameter_value', message = 'a conversation has an id';
    end if;
    perform public.full_pass_take_over_edits(v_user_id, null);
    v_before := public.full_pass_stored_entries(v_user_id);
    insert into public.memory_erasures (user_id, conversation)
        select v_user_id, v_hash
        where not exists (select from public.memory_erasures where user_id = v_user_id and conversation = v_hash);
    delete from public.chunk_facts where user_id = v_user_id and chunk_key in (
        select chunk_key from public.conversation_chunks where user_id = v_user_id and conversation_id = p_id
        union select chunk_key from public.memory_fact_sources where user_id = v_user_id and conversation_id = p_id);
    perform public.full_pass_erase_facts(v_user_id, array(
        select distinct fact_id from public.memory_fact_sources as s join public.memory_facts as f on f.id = s.fact_id
        where s.user_id = v_user_id and conversation_id = p_id and f.origin = 'chats' and not exists (
            select from public.memory_fact_sources as other
            where other.fact_id = s.fact_id and other.conversation_id <> p_id)), false);
    perform public.full_pass_withdraw_sources(v_user_id, array(
        select id from public.memory_fact_sources where user_id = v_user_id and conversation_id = p_id));
    perform set_config('full_pass.deleting_chunks', 'known', true);
    delete from public.conversation_chunks where user_id = v_user_id and conversation_id = p_id;
    perform set_config('full_pass.deleting_chunks', '', true);
    return public.full_pass_publish_memory(v_user_id, null, v_before);
end $$;

create or replace function full_pass.memory_restore(p_version integer, p_user_id uuid)
returns jsonb language plpgsql security definer set search_path = '' as $$
declare
    v_user_id uuid := full_pass.person(p_user_id);
    v_before jsonb;
    v_version public.memory_versions;
begin
    perform public.full_pass_take_over_edits(v_user_id, null);
    v_before := public.full_pass_stored_entries(v_user_id);
    select * into v_version from public.memory_versions where user_id = v_user_id and version = p_version;
    if v_version.sections is not null then
        update public.user_profiles set
            soul_md = v_version.sections ->> 'soul_md', identity_md = v_version.sections ->> 'identity_md',
            user_md = v_version.sections ->> 'user_md', agents_md = v_version.sections ->> 'agents_md',
            tools_md = v_version.sections ->> 'tools_md', soulprint_text = v_version.sections ->> 'soulprint_text'
        where user_id = v_user_id;
        perform public.full_pass_add_version(v_user_id, null, 'sections', null, null, v_version.sections);
        return public.full_pass_publish_memory(v_user_id, null, v_before);
    end if;
    if v_version.entries is null then
        raise exception using errcode = 'no_data_found', message = 'there is no such version that could be restored';
    end if;
    perform public.full_pass_restore_entries(v_user_id, v_version.entries);
    return public.full_pass_publish_memory(v_user_id, null, v_before);
end $$;

-- Makes these the entries: their facts stand in MEMORY again, what the person said instead since is said no more, and
-- what is not among them is taken out of it. Without what has been forgotten or withdrawn since.
create or replace function public.full_pass_restore_entries(p_user_id uuid, p_entries jsonb)
returns void language plpgsql set search_path = '' as $$
declare
    v_facts uuid[] := array(
        select f.id from public.memory_facts as f
        where f.user_id = p_user_id and (f.status in ('current', 'superseded') or f.origin = 'person') and f.id in (
            select unnest(fact_ids) from jsonb_to_recordset(p_entries) as e(fact_ids uuid[])));
    v_withdrawn uuid[];
begin
    -- Said by the person in the place of one of these, and not itself among them.
    v_withdrawn := array(
        select p.id from public.memory_facts as p
        where p.user_id = p_user_id and p.origin = 'person' and p.id <> all (v_facts) and exists (
            select from public.memory_facts as f
            where f.user_id = p_user_id and f.superseded_by = p.id and f.id = any (v_facts)));
    update public.memory_facts set status = 'current', superseded_by = null, valid_to = null, digest = null,
            updated_at = now()
        where user_id = p_user_id and superseded_by = any (v_withdrawn);
    update public.memory_facts set status = 'withdrawn', updated_at = now()
        where user_id = p_user_id and id = any (v_withdrawn);
    update public.memory_facts set status = 'current', updated_at = now()
        where user_id = p_user_id and id = any (v_facts) and status = 'withdrawn';
    update public.memory_facts set suppressed = false, updated_at = now()
        where user_id = p_user_id and id = any (v_facts) and suppressed;
    update public.memory_facts set suppressed = true, updated_at = now()
        where user_id = p_user_id and id <> all (v_facts) and not suppressed and id in (
            select unnest(fact_ids) from public.memory_entries where user_id = p_user_id);
    delete from public.memory_entries where user_id = p_user_id;
    insert into public.memory_entries (user_id, id, section, position, text, fact_ids, basis, origin)
    select p_user_id, id, section, position, text, fact_ids, public.full_pass_basis(p_user_id, fact_ids), origin
        from jsonb_populate_recordset(null::public.memory_entries, p_entries);
    perform public.full_pass_drop_from_entries(p_user_id, array(
        select cited.id from (select distinct unnest(fact_ids) as id from public.memory_entries
            where user_id = p_user_id) as cited where cited.id <> all (v_facts)));
end $$;

create or replace function full_pass.memory_export(p_user_id uuid)
returns jsonb language plpgsql security definer set search_path = '' as $$
declare
    v_user_id uuid := full_pass.person(p_user_id);
begin
    return jsonb_build_object(
        'memory_md', (select memory_md from public.user_profiles where user_id = v_user_id),
        'sections', public.full_pass_stored_sections(v_user_id),
        'entries', public.full_pass_entries(v_user_id),
        'facts', coalesce((
            select jsonb_agg(to_jsonb(f) - '{user_id, digest, statement_keys, traces}'::text[]
                || jsonb_build_object('sources', coalesce(s.sources, '[]')) order by f.said_first, f.id)
            from public.memory_facts as f left join (
                select fact_id, jsonb_agg(jsonb_build_object('conversation_id', conversation_id, 'message', message,
                    'quote', quote, 'said_at', said_at) order by said_at, id) as sources
                from public.memory_fact_sources where user_id = v_user_id group by fact_id
            ) as s on s.fact_id = f.id
            where f.user_id = v_user_id), '[]'),
        'versions', coalesce((select jsonb_agg(to_jsonb(v) - 'user_id' order by version)
            from public.memory_versions as v where user_id = v_user_id), '[]'),
        'erased', (select count(*) from public.memory_erasures where user_id = v_user_id));
end $$;

-- What users and service_role call. `fact` and `id` are of the user's own rows; p_user_id is service_role's to give.
-- Each but memory_export renders MEMORY at once and returns {"memory_md", "added", "changed", "removed", "fact"?}.

create or replace function public.memory_forget(fact uuid, p_user_id uuid default null)
returns jsonb language sql set search_path = '' as $$ select full_pass.memory_forget(fact, p_user_id) $$;

create or replace function public.memory_correct(fact uuid, text text, p_user_id uuid default null)
returns jsonb language sql set search_path = '' as $$ select full_pass.memory_correct(fact, text, p_user_id) $$;

create or replace function public.memory_add(text text, section text default null, p_user_id uuid default null)
returns jsonb language sql set search_path = '' as $$ select full_pass.memory_add(text, section, p_user_id) $$;

create or replace function public.memory_forget_conversation(id text, p_user_id uuid default null)
returns jsonb language sql set search_path = '' as $$ select full_pass.memory_forget_conversation(id, p_user_id) $$;

create or replace function public.memory_restore(version integer, p_user_id uuid default null)
returns jsonb language sql set search_path = '' as $$ select full_pass.memory_restore(version, p_user_id) $$;

create or replace function public.memory_export(p_user_id uuid default null)
returns jsonb language sql set search_path = '' as $$ select full_pass.memory_export(p_user_id) $$;

-- Of functions whose name begins with p_name (and of all that lie where no API looks): for users and service_role. What is
-- immutable knows nothing of anybody, and stays for all.
create or replace procedure public.full_pass_open_functions(p_name text)
language plpgsql set search_path = '' as $$
declare
    v_routine regprocedure;
begin
    for v_routine in
        select oid from pg_catalog.pg_proc where pronamespace = 'public'::regnamespace and starts_with(proname, p_name)
            or pronamespace = 'full_pass'::regnamespace and prosecdef and provolatile <> 'i'
    loop
        execute format('revoke execute on routine %s from public, anon', v_routine);
        execute format('grant execute on routine %s to authenticated, service_role', v_routine);
    end loop;
    for v_routine in select oid from pg_catalog.pg_proc where pronamespace = 'full_pass'::regnamespace and not prosecdef
    loop
        execute format('revoke execute on routine %s from public', v_routine);
    end loop;
end $$;

call public.full_pass_open_functions('memory_');

-- Chunks that are deleted

-- Takes sources away from facts; what nothing says any more is withdrawn, and leaves MEMORY.
create or replace function public.full_pass_withdraw_sources(p_user_id uuid, p_source_ids bigint[])
returns void language plpgsql set search_path = '' as $$
declare
    v_facts uuid[];
    v_withdrawn uuid[];
begin
    with gone as (
        delete from public.memory_fact_sources where user_id = p_user_id and id = any (p_source_ids) returning fact_id
    ) select array_agg(distinct fact_id) into v_facts from gone;
    with counted as (
        select f.id, count(distinct (s.conversation_id, coalesce(s.message::text, s.chunk_key))) filter (
            where s.id is not null) as mentions, count(distinct s.conversation_id) as conversations
        from public.memory_facts as f left join public.memory_fact_sources as s on s.fact_id = f.id
        where f.user_id = p_user_id and f.id = any (v_facts) and f.origin = 'chats' and f.status <> 'forgotten'
        group by f.id
    ), changed as (
        update public.memory_facts as f set
            mentions = counted.mentions, conversations = counted.conversations, digest = null, updated_at = now(),
            status = case when counted.mentions = 0 then 'withdrawn' else f.status end,
            superseded_by = case when counted.mentions > 0 then f.superseded_by end
        from counted where f.id = counted.id
        returning f.id, f.status
    ) select coalesce(array_agg(id) filter (where status = 'withdrawn'), '{}') into v_withdrawn from changed;
    perform public.full_pass_drop_from_entries(p_user_id, v_withdrawn);
end $$;

-- After chunks were deleted by anybody but a pass, which sees to their facts in step 5.
create or replace function public.full_pass_chunks_deleted()
returns trigger language plpgsql security definer set search_path = '' as $$
declare
    v_gone record;
    v_before jsonb;
begin
    if current_setting('full_pass.deleting_chunks', true) = 'known' then
        return null;
    end if;
    if tg_when = 'BEFORE' then
        -- As a pass does, the user first and then the chunks, so that neither waits for the other for ever.
        perform from public.user_profiles where user_id = auth.uid() for update;
        return null;
    end if;
    for v_gone in
        select s.user_id, array_agg(s.id) as sources from gone
        join public.memory_fact_sources as s on s.user_id = gone.user_id and s.chunk_key = gone.chunk_key
        group by s.user_id order by s.user_id
    loop
        perform from public.user_profiles where user_id = v_gone.user_id for update;
        v_before := public.full_pass_stored_entries(v_gone.user_id);
        perform public.full_pass_withdraw_sources(v_gone.user_id, v_gone.sources);
        if public.full_pass_stored_entries(v_gone.user_id) <> v_before then
            begin
                perform public.full_pass_publish_memory(v_gone.user_id, null, v_before);
            exception when foreign_key_violation then  -- the account goes, and with it all of this
            end;
        end if;
    end loop;
    return null;
end $$;

create or replace trigger full_pass_chunks_deleted after delete on public.conversation_chunks
    referencing old table as gone for each statement execute function public.full_pass_chunks_deleted();

create or replace trigger full_pass_chunks_before_delete before delete on public.conversation_chunks
    for each statement execute function public.full_pass_chunks_deleted();

-- Deletes the user's chunks named by p_chunk_keys, and not what models answered about them. Returns how many.
create or replace function public.full_pass_prune_chunks(p_user_id uuid, p_run_id text, p_chunk_keys text[])
returns integer language plpgsql set search_path = '' as $$
declare
    v_deleted integer;
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    perform set_config('full_pass.deleting_chunks', 'known', true);
    delete from public.conversation_chunks where user_id = p_user_id and chunk_key = any (p_chunk_keys);
    get diagnostics v_deleted = row_count;
    perform set_config('full_pass.deleting_chunks', '', true);
    return v_deleted;
end $$;

-- Returns whether the row says complete by p_run_id afterwards. A row that was called failed while its run lived on (its
-- worker was lost) is set right. What the run has still written of a conversation that was forgotten meanwhile goes.
create or replace function public.full_pass_complete(p_user_id uuid, p_run_id text)
returns boolean language plpgsql set search_path = '' as $$
declare
    v_started timestamptz;
begin
    update public.user_profiles set
        full_pass_status = 'complete',
        full_pass_completed_at = now(),
        full_pass_error = null,
        full_pass_next_retry_at = null,
        progress_percent = 100,
        import_stage = 'complete'
    where user_id = p_user_id and full_pass_run_id = p_run_id and full_pass_status in ('processing', 'failed')
    returning full_pass_started_at into v_started;
    if found then
        delete from public.model_replies where user_id = p_user_id;
        if exists (select from public.memory_erasures
            where user_id = p_user_id and conversation is not null and erased_at >= v_started)
        then
            perform public.full_pass_drop_forgotten(p_user_id, v_started);
        end if;
    end if;
    return exists (
        select from public.user_profiles
        where user_id = p_user_id and full_pass_run_id = p_run_id and full_pass_status = 'complete');
end $$;

-- Deletes what there is of forgotten conversations, with the answers since p_since about chunks that are gone.
create or replace function public.full_pass_drop_forgotten(p_user_id uuid, p_since timestamptz)
returns void language plpgsql set search_path = '' as $$
declare
    v_conversations text[] := public.full_pass_erased_conversations(p_user_id, array(
        select distinct conversation_id from public.conversation_chunks where user_id = p_user_id));
begin
    perform set_config('full_pass.deleting_chunks', 'known', true);
    delete from public.conversation_chunks where user_id = p_user_id and conversation_id = any (v_conversations);
    perform set_config('full_pass.deleting_chunks', '', true);
    delete from public.chunk_facts as answer where user_id = p_user_id and created_at >= p_since and not exists (
        select from public.conversation_chunks as chunk
        where chunk.user_id = p_user_id and chunk.chunk_key = answer.chunk_key);
end $$;

call public.full_pass_publish_functions();
call public.full_pass_reference_accounts();
