"""What is known of the providers of models: what each asks of the environment, and what it has.

| | anthropic | vertex | bedrock |
|---|---|---|---|
| names of models | `claude-haiku-5-5` | the same; before 4.6 with `@date` | `anthropic.claude-haiku-5-5` |
| replies by JSON schema | all models | as the project's policy says | depends on model and endpoint |
| tools, adaptive thinking, effort | as the model | as the model | as the model |
| Message Batches | yes | no | no |
| costs | the list price | a tenth more outside of `global` | up to a tenth more |

Sources, as of 2026-11:

- names: "Claude on Vertex AI" and "Claude in Amazon Bedrock" of Anthropic's documentation (platform.claude.com), AWS's
  model card of Claude Haiku 5.5 (docs.aws.amazon.com/bedrock), the release notes of vercel/ai of 7 October;
- JSON schema, Vertex: Google's "Structured outputs with Anthropic Claude models" (docs.cloud.google.com): some models
  only, and not before an organization allows it in `constraints/vertexai.allowedPartnerModelFeatures`; otherwise 400
  "output_config.format: Extra inputs are not permitted" (anthropics/anthropic-sdk-python 1188);
- JSON schema, Bedrock: AWS's "Structured outputs for Anthropic Claude models": "support varies by model and endpoint";
  an earlier version of that page, and strands-agents/harness-sdk 3833 of 2026-08: /anthropic/v1/messages of
  bedrock-mantle answers 400. So neither is believed, and the run's first question finds out (`llm.reply_forms`);
- Message Batches: the SDK refuses them on Vertex; AWS and Google have batches of their own, by way of files;
- prices: Anthropic's "Pricing", "Claude on Vertex AI" ("Global vs regional endpoints").
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Name = Literal["anthropic", "vertex", "bedrock"]

#: How a reply is made to have its shape: by a JSON schema, or as the input of a tool.
Form = Literal["schema", "tool"]

#: What a region of a cloud costs, as a share of the list price.
REGIONAL = 1.1

#: Where a worker's packages for other providers than Anthropic are pinned.
REQUIREMENTS = "deployments/requirements-providers.txt"


@dataclass(frozen=True, slots=True)
class Provider:
    #: The settings that it cannot do without.
    needs: tuple[str, ...]
    #: Package → the modules of it that sign requests.
    packages: Mapping[str, tuple[str, ...]]
    has_batches: bool
    #: What to do when its credentials are not accepted, and when they do not allow a model.
    credentials: str
    permission: str


PROVIDERS: dict[Name, Provider] = {
    "anthropic": Provider(
        needs=("anthropic_api_key",),
        packages={},
        has_batches=True,
        credentials="set ANTHROPIC_API_KEY to a valid one",
        permission="allow it in the Claude console or set another model",
    ),
    "vertex": Provider(
        needs=("anthropic_vertex_project_id", "cloud_ml_region"),
        packages={"google-auth[requests]": ("google.auth", "requests")},
        has_batches=False,
        credentials="give the worker Google's application default credentials (GOOGLE_APPLICATION_CREDENTIALS)",
        permission="enable it in the project's Model Garden, and give the account the role Vertex AI User",
    ),
    "bedrock": Provider(
        needs=("aws_region",),
        packages={"boto3": ("boto3",)},
        has_batches=False,
        credentials="set AWS_BEARER_TOKEN_BEDROCK, or give the worker AWS credentials",
        # AWS answers 403 to a wrong key, too.
        permission="check the key or the credentials, and that AWS_REGION has the model and their policy allows it",
    ),
}


def missing_packages(provider: Name) -> list[str]:
    """The packages that sign the provider's requests and are not installed; none of them is imported."""
    packages = PROVIDERS[provider].packages
    return [package for package, modules in packages.items() if not all(map(_is_there, modules))]


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # of a submodule whose parent is missing
        return False
