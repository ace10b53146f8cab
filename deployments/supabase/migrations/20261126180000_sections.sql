-- The sections are of the person's MEMORY: what they forget or correct goes out of them at once, and is not shown again
-- to the model that writes the next ones; and a pass that would ask for them in the very same words leaves them.

-- A hash of the question that the sections answer; null: they are to be asked for.
alter table public.user_profiles add column if not exists full_pass_sections_question text;

-- Keyed hashes of the messages that said an erased fact: the conversation's id, a line feed, and the message's number.
alter table public.memory_erasures add column if not exists messages bytea[] not null default '{}';

-- With what question they answer.
drop function if exists public.full_pass_write_sections(uuid, text, jsonb, text);
drop function if exists public.full_pass_save_sections(uuid, text, jsonb, text);
drop function if exists public.full_pass_save_regenerated_sections(uuid, text, text, text, jsonb, text);

-- Writes sections, and keeps a version when something has changed. A column that p_sections does not name stays.
create or replace function public.full_pass_write_sections(
    p_user_id uuid, p_run_id text, p_sections jsonb, p_soulprint_text text, p_question text
) returns void language plpgsql set search_path = '' as $$
declare
    v_was jsonb := public.full_pass_sections_alone(p_user_id);
begin
    update public.user_profiles set
        soul_md = case when p_sections ? 'soul_md' then p_sections ->> 'soul_md' else soul_md end,
        identity_md = case when p_sections ? 'identity_md' then p_sections ->> 'identity_md' else identity_md end,
        user_md = case when p_sections ? 'user_md' then p_sections ->> 'user_md' else user_md end,
        agents_md = case when p_sections ? 'agents_md' then p_sections ->> 'agents_md' else agents_md end,
        tools_md = case when p_sections ? 'tools_md' then p_sections ->> 'tools_md' else tools_md end,
        soulprint_text = p_soulprint_text,
        full_pass_sections_question = p_question
    where user_id = p_user_id;
    perform public.full_pass_keep_sections(p_user_id, p_run_id, v_was);
end $$;

-- The sections as a version has them: of soulprint_text what stands above MEMORY, which has versions of its own.
create or replace function public.full_pass_sections_alone(p_user_id uuid)
returns jsonb language sql stable set search_path = '' as $$
    select public.full_pass_stored_sections(p_user_id) || jsonb_build_object(
        'soulprint_text', nullif(rtrim(public.full_pass_with_ending(soulprint_text, memory_md, ''), E' \n'), ''))
    from public.user_profiles where user_id = p_user_id
$$;

-- Keeps a version of the sections when they are others than p_was.
create or replace function public.full_pass_keep_sections(p_user_id uuid, p_run_id text, p_was jsonb)
returns void language plpgsql set search_path = '' as $$
declare
    v_now jsonb := public.full_pass_sections_alone(p_user_id);
begin
    if v_now = p_was then
        return;
    end if;
    if jsonb_strip_nulls(p_was) <> '{}' and not exists (
        select from public.memory_versions where user_id = p_user_id and kind = 'sections')
    then
        perform public.full_pass_add_version(p_user_id, null, 'sections', null, null, p_was);
    end if;
    perform public.full_pass_add_version(p_user_id, p_run_id, 'sections', null, null, v_now);
end $$;

-- By the run that owns the user.
create or replace function public.full_pass_save_sections(
    p_user_id uuid, p_run_id text, p_sections jsonb, p_soulprint_text text, p_question text default null
) returns void language plpgsql set search_path = '' as $$
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    perform public.full_pass_write_sections(p_user_id, p_run_id, p_sections, p_soulprint_text, p_question);
end $$;

-- By a run that owns nobody. p_owner: the run that the row named when MEMORY was read from it as p_memory_md. Raises
-- FP001 when a pass has had the user since, or has them now. Returns false, and writes nothing, when MEMORY is another by
-- now: what the person has forgotten may stand in the sections.
create or replace function public.full_pass_save_regenerated_sections(
    p_user_id uuid, p_run_id text, p_owner text, p_memory_md text, p_sections jsonb, p_soulprint_text text,
    p_question text default null
) returns boolean language plpgsql set search_path = '' as $$
declare
    v_row record;
begin
    select full_pass_run_id, full_pass_status, memory_md into v_row
        from public.user_profiles where user_id = p_user_id for update;
    if not found or v_row.full_pass_run_id is distinct from p_owner or v_row.full_pass_status = 'processing' then
        raise exception using errcode = 'FP001', message = 'a full pass has the user, or has had them since',
            detail = coalesce(v_row.full_pass_run_id, 'no run');
    end if;
    if v_row.memory_md is distinct from p_memory_md then
        return false;
    end if;
    perform public.full_pass_write_sections(p_user_id, p_run_id, p_sections, p_soulprint_text, p_question);
    return true;
end $$;

-- Which words tell of facts

-- How Postgres stems a language, as ISO 639 has it: where it is not known, as English; others not at all.
create or replace function public.full_pass_stemming(p_language text)
returns regconfig language sql immutable set search_path = '' as $$
    select coalesce((
        select ('pg_catalog.' || name)::regconfig from (values
            ('ar', 'arabic'), ('da', 'danish'), ('de', 'german'), ('el', 'greek'), ('en', 'english'), ('es', 'spanish'),
            ('fi', 'finnish'), ('fr', 'french'), ('hi', 'hindi'), ('hu', 'hungarian'), ('id', 'indonesian'),
            ('it', 'italian'), ('nl', 'dutch'), ('no', 'norwegian'), ('pt', 'portuguese'), ('ro', 'romanian'),
            ('ru', 'russian'), ('sv', 'swedish'), ('ta', 'tamil'), ('tr', 'turkish')) as known(code, name)
        where code = coalesce(lower(left(p_language, 2)), 'en')), 'pg_catalog.simple'::regconfig)
$$;

-- The words of a text and their stems.
create or replace function public.full_pass_stems(p_text text, p_stemming regconfig)
returns text[] language sql immutable set search_path = '' as $$
    select coalesce(array_agg(distinct stem), '{}') from unnest(public.full_pass_words(p_text)) as word,
        unnest(word || tsvector_to_array(to_tsvector(p_stemming, word))) as stem
$$;

-- The words, with their stems, of facts p_ids and of what says them, that no other fact of the user's has which holds.
create or replace function public.full_pass_telling_words(p_user_id uuid, p_ids uuid[], p_stemming regconfig)
returns text[] language sql stable set search_path = '' as $$
    select coalesce(array_agg(distinct stem), '{}')
    from (
        select distinct word from (
            select text from public.memory_facts where user_id = p_user_id and id = any (p_ids)
            union all
            select quote from public.memory_fact_sources where user_id = p_user_id and fact_id = any (p_ids)
        ) as said(text), unnest(public.full_pass_words(said.text)) as word
    ) as words, unnest(public.full_pass_stems(word, p_stemming)) as stem
    where (length(word) > 2 or word ~ '[0-9]' or not word ~ '^[a-z]+$')
        -- Words that say nothing have no stem.
        and (p_stemming = 'pg_catalog.simple'::regconfig or word ~ '[^[:ascii:]]'
            or cardinality(tsvector_to_array(to_tsvector(p_stemming, word))) > 0)
        and not exists (
            select from public.memory_facts as f
            where full_pass.search_vector(f.user_id, f.text) @@ public.full_pass_search_query(
                p_user_id, array[left(word, 50)], 50, '|')
                and f.user_id = p_user_id and f.id <> all (p_ids) and f.status = 'current')
$$;

-- Sections without some words

-- A section, as JSON text, without the texts that have one of the words; what is no JSON object stays.
create or replace function public.full_pass_section_without(p_section text, p_words text[], p_stemming regconfig)
returns text language plpgsql immutable set search_path = '' as $$
begin
    if p_section is null or json_typeof(p_section::json) <> 'object' then
        return p_section;
    end if;
    return (
        select coalesce(json_object_agg(key, case json_typeof(value)
            when 'array' then (
                select coalesce(json_agg(item order by n), '[]')
                from json_array_elements(value) with ordinality as items(item, n)
                where not public.full_pass_stems(item #>> '{}', p_stemming) && p_words)
            else case when not public.full_pass_stems(value #>> '{}', p_stemming) && p_words then value end
            end order by place)::text, '{}')
        from json_each(p_section::json) with ordinality as fields(key, value, place));
exception when invalid_text_representation then
    return p_section;
end $$;

-- A section as it stands in soulprint_text (see flows/memory/section_form.py).
create or replace function public.full_pass_section_md(p_name text, p_section text)
returns text language plpgsql immutable set search_path = '' as $$
declare
    v_lines text;
begin
    select string_agg(format('- %s: %s', replace(key, '_', ' '), shown), E'\n' order by place) into v_lines
    from json_each(p_section::json) with ordinality as fields(key, value, place), lateral (
        select case json_typeof(value)
            when 'array' then (select string_agg(item, ', ' order by n)
                from json_array_elements_text(value) with ordinality as items(item, n))
            else btrim(regexp_replace(value #>> '{}', '\s+', ' ', 'g')) end as shown) as said
    where shown <> '';
    return case when v_lines is not null then format(E'## %s\n\n%s', initcap(p_name), v_lines) end;
exception when invalid_text_representation or invalid_parameter_value then
    return null;
end $$;

-- Stored sections with another text of one, also within soulprint_text.
create or replace function public.full_pass_with_section(p_sections jsonb, p_name text, p_section text)
returns jsonb language sql immutable set search_path = '' as $$
    select p_sections || jsonb_build_object(p_name || '_md', p_section, 'soulprint_text', case
        when old.md is null then p_sections ->> 'soulprint_text'
        when new.md is null then replace(p_sections ->> 'soulprint_text', old.md || E'\n\n', '')
        else replace(p_sections ->> 'soulprint_text', old.md, new.md) end)
    from (select public.full_pass_section_md(p_name, p_sections ->> (p_name || '_md'))) as old(md),
        (select public.full_pass_section_md(p_name, p_section)) as new(md)
$$;

-- Takes out of the sections, and of soulprint_text, what tells of facts; the next pass writes them anew.
create or replace function public.full_pass_clear_sections(p_user_id uuid, p_ids uuid[])
returns void language plpgsql set search_path = '' as $$
declare
    v_was jsonb := public.full_pass_stored_sections(p_user_id);
    v_now jsonb := v_was;
    v_words text[];
    v_name text;
    v_language text;
begin
    for v_language in
        select distinct language from public.memory_facts where user_id = p_user_id and id = any (p_ids)
    loop
        v_words := public.full_pass_telling_words(p_user_id, p_ids, public.full_pass_stemming(v_language));
        foreach v_name in array '{soul, identity, user, agents, tools}'::text[] loop
            v_now := public.full_pass_with_section(v_now, v_name, public.full_pass_section_without(
                v_now ->> (v_name || '_md'), v_words, public.full_pass_stemming(v_language)));
        end loop;
    end loop;
    update public.user_profiles set
        soul_md = v_now ->> 'soul_md', identity_md = v_now ->> 'identity_md', user_md = v_now ->> 'user_md',
        agents_md = v_now ->> 'agents_md', tools_md = v_now ->> 'tools_md',
        soulprint_text = v_now ->> 'soulprint_text', full_pass_sections_question = null
    where user_id = p_user_id;
    if v_now <> v_was then
        perform public.full_pass_add_version(
            p_user_id, null, 'sections', null, null, public.full_pass_sections_alone(p_user_id));
    end if;
end $$;

-- As before; what says them is remembered by its place, as a hash, and goes out of the sections.
create or replace function public.full_pass_erase_facts(p_user_id uuid, p_ids uuid[], p_for_good boolean)
returns void language plpgsql set search_path = '' as $$
begin
    insert into public.memory_erasures (user_id, statements, stems, names, traits, slot, said_last, began, messages)
    select p_user_id, case when p_for_good
            then public.full_pass_keyed(p_user_id, f.statement_keys || public.full_pass_plain(f.text)) else '{}' end,
        case when p_for_good then traces.stems else '{}' end, case when p_for_good then traces.names else '{}' end,
        case when p_for_good then traces.traits end,
        case when f.slot is not null and f.stance = 'stated' then
            (public.full_pass_keyed(p_user_id, array[public.full_pass_about(f.slot, f.subject)]))[1] end,
        f.said_last,
        coalesce(f.valid_from, to_char(coalesce(f.said_first, f.said_last) at time zone 'UTC', 'YYYY-MM-DD')),
        public.full_pass_keyed(p_user_id, array(
            select distinct conversation_id || E'\n' || message from public.memory_fact_sources
            where user_id = p_user_id and fact_id = f.id and message is not null))
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
    perform public.full_pass_clear_sections(p_user_id, p_ids);
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

-- As before; what it takes the place of goes out of the sections.
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
            and status = 'current' and not suppressed and md5(text) = md5(v_text) and text = v_text limit 1;
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
    if p_instead is not null then
        select * into v_entry from public.memory_entries
            where user_id = p_user_id and p_instead = any (fact_ids) order by position limit 1;
        update public.memory_facts set status = 'superseded', superseded_by = v_id, updated_at = now(),
            valid_to = coalesce(valid_to, case when coalesce(valid_from, '') <= v_said then v_said end)
        where user_id = p_user_id and id = p_instead;
        perform public.full_pass_drop_from_entries(p_user_id, array[p_instead]);
        perform public.full_pass_clear_sections(p_user_id, array[p_instead]);
    end if;
    insert into public.memory_entries (user_id, id, section, position, text, fact_ids, basis, origin)
    values (p_user_id, v_id, p_section, coalesce(
            case when v_entry.section = p_section then v_entry.position end,
            (select max(position) + 1 from public.memory_entries where user_id = p_user_id and section = p_section), 0),
        v_text, array[v_id], public.full_pass_basis(p_user_id, array[v_id]), 'person');
    return v_id;
end $$;

-- As before; restored sections stand above the MEMORY that there is.
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
            tools_md = v_version.sections ->> 'tools_md',
            soulprint_text = concat_ws(E'\n\n', nullif(v_version.sections ->> 'soulprint_text', ''), memory_md)
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

-- Versions of sections from before had MEMORY in them.
update public.memory_versions set sections = jsonb_set(sections, '{soulprint_text}', to_jsonb(
        rtrim(regexp_replace(sections ->> 'soulprint_text', E'(^|\\n)# MEMORY\\s*\\n.*$', ''), E' \n')))
    where sections ->> 'soulprint_text' ~ E'(^|\\n)# MEMORY\\s*\\n';

-- Of messages (array of {"conversation_id", "message"}) those that are not to be told of: they say what the person has
-- erased, corrected, or taken out of MEMORY. Array of [conversation_id, message].
create or replace function public.full_pass_untold(p_user_id uuid, p_messages jsonb)
returns jsonb language plpgsql set search_path = '' as $$
declare
    v_erased bytea[] := array(select unnest(messages) from public.memory_erasures where user_id = p_user_id);
begin
    return (
        with given as materialized (
            select conversation_id, message
            from jsonb_to_recordset(p_messages) as g(conversation_id text, message integer)
        ), erased as (
            select conversation_id, message from given
            where cardinality(v_erased) > 0 and (public.full_pass_keyed(
                p_user_id, array[conversation_id || E'\n' || message]))[1] = any (v_erased)
        ), corrected as (
            select s.conversation_id, s.message from public.memory_facts as f
            join public.memory_fact_sources as s on s.fact_id = f.id
            where f.user_id = p_user_id and f.origin = 'chats' and (f.suppressed or f.superseded_by in (
                select id from public.memory_facts where user_id = p_user_id and origin = 'person'))
        )
        select coalesce(jsonb_agg(jsonb_build_array(conversation_id, message)), '[]')
        from (select * from erased union select given.* from given join corrected using (conversation_id, message)) as t);
end $$;

call public.full_pass_publish_functions();
call public.full_pass_open_functions('memory_');
