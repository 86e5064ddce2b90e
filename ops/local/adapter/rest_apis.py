"""API Gateway, as Chalice uses it.

- `ImportRestApi` and `PutRestApi` read the swagger document; MiniStack alone would make an empty API. The MOCK
  integrations of Chalice's CORS preflights keep their templates. A PATCH of `minimumCompressionSize` to '' is "none".
- A REST API's answers of at least `minimumCompressionSize` bytes are compressed for clients that accept gzip.
- Some headers of a function's answer get another name or are dropped (api_headers.py).
- An API is found by its id, which is unique, in any account: its callers have no AWS key that would name an account.
"""

import gzip
import json

import api_headers

RELIED_ON = {
    "ministack.services.apigateway:find_api_scope": "(api_id)",
    "ministack.services.apigateway_v1:find_api_scope": "(api_id)",
    "ministack.services.apigateway_v1:handle_request": "(method, path, headers, body, query_params)",
    "ministack.services.apigateway_v1:_import_rest_api": "(spec, base_data=None)",
    "ministack.services.apigateway_v1:_import_path_item": (
        "(api_id, path, path_item, scheme_map=None, default_security=None)"
    ),
    "ministack.services.apigateway_v1:_import_operation": (
        "(api_id, resource_id, http_method, operation, scheme_map=None, default_security=None)"
    ),
    "ministack.services.apigateway_v1:_import_security_schemes": "(api_id, spec)",
    "ministack.services.apigateway_v1:_put_method_response": "(api_id, resource_id, http_method, status_code, data)",
    "ministack.services.apigateway_v1:_put_integration_response": (
        "(api_id, resource_id, http_method, status_code, data)"
    ),
    "ministack.services.apigateway_v1:_get_rest_api": "(api_id)",
    "ministack.services.apigateway_v1:_execute_in_scope": (
        "(request, api_id, stage_name, method, path, headers, body, query_params, owner_account_id, owner_region)"
    ),
}
"""Private names of MiniStack that are used here, with the signatures that they must have."""


def apply() -> None:
    import_rest_apis()
    compress_answers()
    rename_headers()
    find_apis_anywhere()


def import_rest_apis() -> None:
    """Makes ImportRestApi and PutRestApi read the document."""
    from ministack.services import apigateway_v1 as v1

    handle_request = v1.handle_request

    async def handle_rest_api_request(method, path, headers, body, query_params):
        parts = [part for part in path.split("/") if part]
        if parts[:1] == ["restapis"]:
            if method == "POST" and len(parts) == 1 and _first(query_params, "mode") == "import":
                return _create(v1, json.loads(body), query_params)
            if method == "PUT" and len(parts) == 2:
                return _overwrite(v1, parts[1], json.loads(body))
            if method == "PATCH" and len(parts) == 2:
                body = _without_empty_compression(body)
        return await handle_request(method, path, headers, body, query_params)

    v1._import_operation = _operation_importer(v1, v1._import_operation)
    v1.handle_request = handle_rest_api_request


def _operation_importer(v1, import_operation):
    """MiniStack's import of one operation, and what it leaves out: templates, and the responses."""

    def import_whole_operation(
        api_id, resource_id, http_method, operation, scheme_map=None, default_security=None
    ) -> None:
        import_operation(api_id, resource_id, http_method, operation, scheme_map, default_security)
        operation = operation or {}
        integration = operation.get("x-amazon-apigateway-integration") or {}
        method = v1._resources[api_id][resource_id]["resourceMethods"][http_method]
        if stored := method.get("methodIntegration"):
            stored["requestTemplates"] = integration.get("requestTemplates", {})
            stored["passthroughBehavior"] = integration.get("passthroughBehavior", "when_no_match").upper()
            if "contentHandling" in integration:
                stored["contentHandling"] = integration["contentHandling"]
        for status, response in (operation.get("responses") or {}).items():
            parameters = {f"method.response.header.{name}": False for name in response.get("headers", {})}
            v1._put_method_response(api_id, resource_id, http_method, status, {"responseParameters": parameters})
        for selector, response in (integration.get("responses") or {}).items():
            status = response.get("statusCode", "200")
            answer = _integration_response(selector, response)
            v1._put_integration_response(api_id, resource_id, http_method, status, answer)

    return import_whole_operation


def _integration_response(selector: str, response: dict) -> dict:
    return {
        "selectionPattern": "" if selector == "default" else selector,
        "responseParameters": response.get("responseParameters", {}),
        "responseTemplates": response.get("responseTemplates", {}),
    }


def _settings_of(document: dict) -> dict:
    return {
        "binaryMediaTypes": document.get("x-amazon-apigateway-binary-media-types", []),
        "policy": document.get("x-amazon-apigateway-policy"),
    }


def _create(v1, document: dict, query: dict) -> tuple:
    types = _first(query, "endpointConfigurationTypes") or "EDGE"
    base = {**_settings_of(document), "endpointConfiguration": {"types": [types]}}
    api_id = v1._import_rest_api(document, base)
    return (201, *v1._get_rest_api(api_id)[1:])


def _overwrite(v1, api_id: str, document: dict) -> tuple:
    if api_id not in v1._rest_apis:
        return v1._get_rest_api(api_id)
    root = next(resource for resource in v1._resources[api_id].values() if resource["path"] == "/")
    root["resourceMethods"] = {}
    v1._resources[api_id] = {root["id"]: root}
    v1._authorizers_v1[api_id] = {}
    v1._rest_apis[api_id].update(_settings_of(document))
    schemes = v1._import_security_schemes(api_id, document)
    for path, item in (document.get("paths") or {}).items():
        v1._import_path_item(api_id, path, item, schemes, document.get("security"))
    return v1._get_rest_api(api_id)


def _without_empty_compression(body: bytes) -> bytes:
    patch = json.loads(body or b"{}")
    patch["patchOperations"] = [
        operation
        for operation in patch.get("patchOperations", [])
        if not (operation.get("path") == "/minimumCompressionSize" and operation.get("value") in ("", None))
    ]
    return json.dumps(patch).encode()


def compress_answers() -> None:
    """Compresses answers as API Gateway does.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gzip-compression-decompression.html
    """
    from ministack.services import apigateway_v1 as v1

    execute = v1._execute_in_scope

    async def execute_and_compress(request, api_id, stage_name, method, path, headers, *rest):
        response = await execute(request, api_id, stage_name, method, path, headers, *rest)
        least = (v1._rest_apis.get(api_id) or {}).get("minimumCompressionSize")
        if least is None or not isinstance(response, tuple) or "gzip" not in _header(headers, "accept-encoding"):
            return response
        status, answered, body, *more = response
        if not isinstance(body, bytes) or len(body) < int(least) or _header(answered, "content-encoding"):
            return response
        plain = {name: value for name, value in answered.items() if name.lower() != "content-length"}
        return (status, {**plain, "Content-Encoding": "gzip"}, gzip.compress(body, 6), *more)

    v1._execute_in_scope = execute_and_compress


def rename_headers() -> None:
    """Gives the headers of answers the names that API Gateway gives them. It runs around the compression."""
    from ministack.services import apigateway_v1 as v1

    execute = v1._execute_in_scope

    async def execute_and_rename(*request):
        response = await execute(*request)
        if not isinstance(response, tuple):
            return response  # an error of the gateway's own
        status, answered, *more = response
        return (status, api_headers.sent(answered), *more)

    v1._execute_in_scope = execute_and_rename


def find_apis_anywhere() -> None:
    """Finds an API in any account. MiniStack looks only in the default account if the request has no key."""
    from ministack.services import apigateway, apigateway_v1

    def finder(apis):
        def find_api_scope(api_id):
            return next(((account, region) for (account, region, id_), _ in apis.all_items() if id_ == api_id), None)

        return find_api_scope

    apigateway.find_api_scope = finder(apigateway._apis)
    apigateway_v1.find_api_scope = finder(apigateway_v1._rest_apis)


def _header(headers: dict, name: str) -> str:
    return str(next((value for key, value in (headers or {}).items() if key.lower() == name), "")).lower()


def _first(query: dict, name: str) -> str | None:
    value = query.get(name)
    return value[0] if isinstance(value, list) else value
