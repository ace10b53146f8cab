-- What a pass is for: the memory and the sections of the soulprint.

create or replace function public.full_pass_save_memory(p_user_id uuid, p_run_id text, p_memory_md text)
returns void language plpgsql set search_path = '' as $$
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    update public.user_profiles set memory_md = p_memory_md where user_id = p_user_id;
end $$;

-- p_sections: {"soul_md": text, "identity_md": text, "user_md": text, "agents_md": text, "tools_md": text}; all five
-- change together or not at all.
create or replace function public.full_pass_save_sections(
    p_user_id uuid, p_run_id text, p_sections jsonb, p_soulprint_text text
) returns void language plpgsql set search_path = '' as $$
begin
    perform public.full_pass_require_owner(p_user_id, p_run_id);
    update public.user_profiles set
        soul_md = p_sections ->> 'soul_md',
        identity_md = p_sections ->> 'identity_md',
        user_md = p_sections ->> 'user_md',
        agents_md = p_sections ->> 'agents_md',
        tools_md = p_sections ->> 'tools_md',
        soulprint_text = p_soulprint_text
    where user_id = p_user_id;
end $$;

call public.full_pass_publish_functions();
