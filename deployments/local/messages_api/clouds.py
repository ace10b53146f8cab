"""The stand-in's Messages API as Vertex AI and Amazon Bedrock have it: other routes, other names, and other errors.

Sources, 2026-11: Anthropic's documentation, "Claude on Vertex AI" and "Claude in Amazon Bedrock", and the SDK's clients
of both (anthropic.lib.vertex, anthropic.lib.bedrock._mantle). Unless a test says otherwise both reject structured
outputs, as Vertex does by default and bedrock-mantle did with every model; see `flows.providers`. Of a signature of AWS
it is looked only at what it is for.
"""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments.local.messages_api.messages import MessagesApi
from deployments.local.messages_api.wire import MODELS, ApiError

_DATED = re.compile(r"-(\d{8})$")
#: The provider's name → ours. Vertex has a date after an @, where the model has one.
_OF_VERTEX = {_DATED.sub(r"@\1", name): name for name in MODELS if name != "claude-haiku-4-5"}
_OF_BEDROCK = {f"anthropic.{name}": name for name in MODELS if not _DATED.search(name)}

_GOOGLE = {401: "UNAUTHENTICATED", 404: "NOT_FOUND"}
_SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=\S+/\d{8}/[\w-]+/bedrock-mantle/aws4_request, .*Signature=\w{64}")


class Clouds:
    def __init__(self, api: MessagesApi, key: str | None):
        self._api = api
        self._key = key

    def routes(self) -> list[Route]:
        models = "/v1/projects/{project}/locations/{location}/publishers/anthropic/models"
        return [
            Route(models + "/{model}:{method}", self._vertex, methods=["POST"]),
            Route("/anthropic/v1/messages", self._bedrock, methods=["POST"]),
        ]

    async def _vertex(self, request: Request) -> Response:
        streamed = request.path_params["method"] == "streamRawPredict"
        if _bearer(request) is None or self._key not in (None, _bearer(request)):
            return _google(401, "Request had invalid authentication credentials.", streamed)
        name = _OF_VERTEX.get(request.path_params["model"])
        if name is None:
            return _google(404, "Publisher Model was not found or your project does not have access to it.", streamed)
        body = await self._api.read(request)
        if "model" in body:
            raise ApiError(400, "model: Extra inputs are not permitted")
        if not body.pop("anthropic_version", None):
            raise ApiError(400, "anthropic_version: Field required")
        return await self._api.answer(request, {**body, "model": name}, "rejected")

    async def _bedrock(self, request: Request) -> Response:
        authorization = request.headers.get("authorization", "")
        if not _SIGNED.fullmatch(authorization) and self._key not in (None, _bearer(request)):
            return JSONResponse({"message": "Authentication failed: Please make sure your API Key is valid."}, 403)
        body: dict[str, Any] = await self._api.read(request)
        name = _OF_BEDROCK.get(str(body.get("model")))
        if name is None:
            raise ApiError(404, f"The model '{body.get('model')}' does not exist")
        return await self._api.answer(request, {**body, "model": name}, "rejected")


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme == "Bearer" and token else None


def _google(status: int, message: str, streamed: bool) -> Response:
    error = {"error": {"code": status, "message": message, "status": _GOOGLE[status]}}
    return JSONResponse([error] if streamed else error, status)
