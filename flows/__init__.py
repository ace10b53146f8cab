"""The full pass. The flows that Prefect deploys are `full_pass` and `retry_failed`; everything else serves them.

At the top lies what all share: `models` (what is known of them), `records` (the nouns), `errors`, `settings`, `spool`
(files of a run), `steps` (the boundaries), `events` (for automations), `summary` (what a run has come to). Below, a
package for each concern: `exports`, `store`, `llm`, `chunks`, `runs`, `memory`, `extraction`. Imports run one way only,
in the order of the contract in pyproject.toml; no module here knows of `deployments`, and none serves HTTP.
"""

__version__ = "0.1.0"  # as pyproject.toml has it; runs bear it as a tag
