-- A delivery of objects of Storage, whose versions are looked up where it is remembered: one request, and nothing can
-- change in between. To be called as `service_role`, which reads all of storage.objects.

-- full_pass_deliver for objects of a bucket, by their names; or {"answer": "no_object"} where one of them is not there,
-- {"answer": "no_bucket"}.
create or replace function public.full_pass_deliver_stored(
    p_user_id uuid, p_bucket text, p_object_names text[], p_file_type text, p_conversation_count integer,
    p_replaces boolean, p_key_hash text, p_body_hash text, p_most integer, p_most_usd numeric
) returns jsonb language plpgsql set search_path = '' as $$
declare
    v_versions text[];
    v_are_there boolean;
begin
    select array_agg(stored.metadata ->> 'eTag' order by asked.place), bool_and(stored.metadata is not null)
        into v_versions, v_are_there
    from unnest(p_object_names) with ordinality as asked (name, place)
    left join storage.objects as stored on stored.bucket_id = p_bucket and stored.name = asked.name;
    if not v_are_there then
        return jsonb_build_object('answer', case when exists (select from storage.buckets where id = p_bucket)
            then 'no_object' else 'no_bucket' end);
    end if;
    return public.full_pass_deliver(p_user_id, p_object_names, v_versions, p_file_type, p_conversation_count,
        p_replaces, p_key_hash, p_body_hash, p_most, p_most_usd);
end $$;

call public.full_pass_publish_functions();
