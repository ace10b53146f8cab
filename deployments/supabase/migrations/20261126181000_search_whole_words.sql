-- What has the very words comes before what has words that begin like them, and a date or another number with signs in it
-- is a word of its own: of many facts that are alike, the one that was asked for is found.

-- As before, and what digits with signs between them are as a whole.
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
    if v_text ~ '[0-9][-./:][0-9]' then
        v_words := v_words || array(
            select distinct run[1] from regexp_matches(v_text, '[0-9]+(?:[-./:][0-9]+)+', 'g') as run);
    end if;
    return v_words;
end $$;

-- First what has all of the words, then words that begin like all of them, then some of them, then what is nearly spelt
-- like them.
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
            v_user_id, p_query, public.full_pass_search_query(v_user_id, v_words, 50, '&'), 60, 0, 2, true);
        if jsonb_array_length(v_found) < p_limit then
            v_found := v_found || public.full_pass_search_once(
                v_user_id, p_query, public.full_pass_search_query(v_user_id, v_words, 5, '&'), 60, 0, 1, true);
        end if;
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

-- By the new words.
reindex index public.memory_facts_search;
reindex index public.memory_fact_sources_search;
reindex index public.conversation_chunks_search;

call public.full_pass_publish_functions();
call public.full_pass_open_functions('search_memory');
