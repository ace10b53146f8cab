-- The private bucket of the exports, and that a user uploads into the own folder only: imports/<user id>/<file>. Without
-- policies Storage refuses every upload of a user. Replacing (`upsert`, resumable uploads) needs the right to read and to
-- update as well; to delete, so that people can take their export back. Where there is no Storage, nothing is made.

do $$
begin
    if to_regclass('storage.objects') is null then
        raise notice 'no Supabase Storage here: the bucket imports and its policies are not made';
        return;
    end if;
    insert into storage.buckets (id, name, public) values ('imports', 'imports', false) on conflict do nothing;
    if (select public from storage.buckets where id = 'imports') then
        raise warning 'the bucket imports is public: whoever has the address of an export can read it; make it private';
    end if;

    drop policy if exists "full pass: users upload into their own folder" on storage.objects;
    create policy "full pass: users upload into their own folder" on storage.objects
        for insert to authenticated
        with check (bucket_id = 'imports' and (storage.foldername(name))[1] = (select auth.uid())::text);

    drop policy if exists "full pass: users read their own uploads" on storage.objects;
    create policy "full pass: users read their own uploads" on storage.objects
        for select to authenticated
        using (bucket_id = 'imports' and (storage.foldername(name))[1] = (select auth.uid())::text);

    drop policy if exists "full pass: users replace their own uploads" on storage.objects;
    create policy "full pass: users replace their own uploads" on storage.objects
        for update to authenticated
        using (bucket_id = 'imports' and (storage.foldername(name))[1] = (select auth.uid())::text)
        with check (bucket_id = 'imports' and (storage.foldername(name))[1] = (select auth.uid())::text);

    drop policy if exists "full pass: users delete their own uploads" on storage.objects;
    create policy "full pass: users delete their own uploads" on storage.objects
        for delete to authenticated
        using (bucket_id = 'imports' and (storage.foldername(name))[1] = (select auth.uid())::text);
end $$;
