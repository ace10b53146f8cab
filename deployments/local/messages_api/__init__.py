"""A loopback Messages API that answers by rules, for when there is no key of the real one.

`messages` and `message_batches` speak Anthropic's wire format (`wire`), `clouds` the same as Vertex and Bedrock have
it, `replies` and `fact_rules` make the answers from what `marks` finds in the prompt, `reply_forms` says in which form,
and `faults` lets tests say what goes wrong. Knows nothing of the Supabase beside it.
"""
