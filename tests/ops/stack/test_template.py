"""What `.chalice/resources.yaml` promises, read from the template itself."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_file  # type: ignore[import-untyped]
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]
from cfnlint.decode import decode, decode_str  # type: ignore[import-untyped]

from chalicelib.api.routes import reference
from chalicelib.api.routes.render import BINARY_TYPES
from chalicelib.api.routing import OPERATIONS
from chalicelib.delivery import missing
from chalicelib.observability import SERVICE, Metric
from chalicelib.queues.worker import MAX_RECEIVES
from chalicelib.settings import PREFIX, Settings, camel_to_variable
from ops.errors import OpsError
from ops.stack.names import FUNCTIONS, SOCKET_FUNCTIONS, bus_name
from ops.stack.template import compact, parsed, read
from ops.stack.template_bucket import LIMIT
from tests.edge.cases import CODE, KEY

ROOT = Path(__file__).parents[3]
PATH = ROOT / ".chalice" / "resources.yaml"
NO_VALUE = {"Ref": "AWS::NoValue"}


@cache
def template() -> Any:
    document, problems = decode(str(PATH))
    assert not problems
    return json.loads(json.dumps(document))


def resource(name: str) -> Any:
    return template()["Resources"][name]


def resolved(node: Any, **conditions: bool) -> Any:
    """The node with every Fn::If decided (conditions not named are false) and AWS::NoValue left out."""
    if isinstance(node, dict) and list(node) == ["Fn::If"]:
        condition, yes, no = node["Fn::If"]
        return resolved(yes if conditions.get(condition) else no, **conditions)
    if isinstance(node, dict):
        values = {k: resolved(v, **conditions) for k, v in node.items()}
        return {k: v for k, v in values.items() if v != NO_VALUE}
    if isinstance(node, list):
        return [v for v in (resolved(item, **conditions) for item in node) if v != NO_VALUE]
    return node


def distribution(**conditions: bool) -> Any:
    return resolved(resource("Distribution")["Properties"]["DistributionConfig"], **conditions)


def behaviours(**conditions: bool) -> dict[str, Any]:
    config = distribution(**conditions)
    return {b["PathPattern"]: b for b in config["CacheBehaviors"]} | {"*": config["DefaultCacheBehavior"]}


def test_the_documents_and_the_page_of_the_api_are_kept_at_the_edge() -> None:
    """They are the same for everyone. A route of the reference without a behaviour would be asked for each time."""
    served = [each.path.replace("{asset}", "*") for each in OPERATIONS if each.view.__module__ == reference.__name__]
    assert {"/openapi.json", "/asyncapi.json", "/docs"} <= set(served)
    for path in served:
        behaviour = behaviours(HasApi=True)[path]
        assert (behaviour["TargetOriginId"], behaviour["Compress"]) == ("api", True)
        assert behaviour["CachePolicyId"] == "658327ea-f89d-4fab-a63d-7e88639e58f6"  # AWS's CachingOptimized
        assert "OriginRequestPolicyId" not in behaviour


def test_cfn_lint_finds_nothing_not_even_for_information() -> None:
    assert lint_file(PATH, config=ManualArgs(include_checks=["I"])) == []


def test_every_parameter_says_what_it_is_and_only_the_provisioned_ones_lack_a_default() -> None:
    parameters = template()["Parameters"]
    assert all(p["Description"].endswith(".") for p in parameters.values())
    assert {name for name, p in parameters.items() if "Default" not in p} == {
        "Stage",
        "KeyGroupId",
        "EdgeSecret",
        "DoorSecret",
        "AddressKey",
    }
    assert parameters["EdgeSecret"]["NoEcho"] is True
    assert parameters["DoorSecret"]["NoEcho"] is True
    assert parameters["AddressKey"]["NoEcho"] is True


def test_names_that_are_unique_in_an_account_or_the_world_hold_the_region() -> None:
    """So that stages in two regions of one account do not meet. CloudFront, IAM and Budgets have no regions. A bus has
    one, and so a name without it."""
    found = []
    for name, body in template()["Resources"].items():
        text = json.dumps(body["Properties"])
        for named in re.findall(
            r'"(?:BucketName|BudgetName|DashboardName|RoleName|Name)": \{"Fn::Sub": "([^"]+)"', text
        ):
            if body["Type"] == "AWS::Events::EventBus":
                assert named.replace("${Stage}", "x") == bus_name("x")
            elif (
                body["Type"] == "AWS::Events::Rule"
            ):  # it has a region, too, and the queue's policy knows it by its name
                own_bus = body["Properties"].get("EventBusName") == {"Ref": "EventBus"}
                assert own_bus or named.startswith("filemill-${Stage}-")
            elif body["Type"] != "AWS::CloudWatch::Alarm":  # there, `Name` is a dimension's
                found.append(name)
                assert "${Stage}" in named, name
                assert "${AWS::Region}" in named, name
    # Every CloudFront resource but the distribution has a name of its own.
    named = {n for n, b in template()["Resources"].items() if b["Type"].startswith("AWS::CloudFront::")}
    assert named - {"Distribution"} <= set(found)


def test_every_resource_says_what_becomes_of_it() -> None:
    for name, body in template()["Resources"].items():
        assert "DeletionPolicy" in body, name
        assert "UpdateReplacePolicy" in body, name


@pytest.mark.parametrize("name", ["OriginalsBucket", "DerivedBucket", "Table"])
def test_what_holds_data_survives_being_replaced(name: str) -> None:
    assert resource(name)["UpdateReplacePolicy"] == "Retain"


def test_the_outputs_and_provision_record_every_setting_without_a_default() -> None:
    from_provision = {f"{PREFIX}{n}" for n in ("STAGE", "CDN_KEY_ID", "CDN_KEY_PARAMETER", "SECRET_PARAMETER")}
    recorded = {camel_to_variable(name) for name in template()["Outputs"]} | from_provision
    needed = {PREFIX + name.upper() for name, field in Settings.model_fields.items() if field.is_required()}
    assert needed <= recorded


def test_the_buckets_are_closed_encrypted_and_named_so_that_the_queue_policy_can_name_them() -> None:
    for name in ("OriginalsBucket", "DerivedBucket"):
        properties = resource(name)["Properties"]
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert properties["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        assert "BucketEncryption" in properties
    sender = resource("IngestQueuePolicy")["Properties"]["PolicyDocument"]["Statement"][0]["Condition"]
    name = resource("OriginalsBucket")["Properties"]["BucketName"]["Fn::Sub"]
    assert sender["ArnEquals"]["aws:SourceArn"] == {"Fn::Sub": "arn:${AWS::Partition}:s3:::" + name}
    assert sender["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


def test_bucket_names_fit_s3_with_the_longest_stage_and_region() -> None:
    pattern = template()["Parameters"]["Stage"]["AllowedPattern"]
    assert "{0,14}" in pattern  # 16 characters with the first and the last
    for bucket in ("OriginalsBucket", "DerivedBucket"):
        name = resource(bucket)["Properties"]["BucketName"]["Fn::Sub"]
        longest = (
            name.replace("${Stage}", "s" * 16)
            .replace("${AWS::AccountId}", "1" * 12)
            .replace("${AWS::Region}", "ap-southeast-1")
        )
        assert len(longest) <= 63


def test_browsers_can_upload_and_see_the_etags_of_parts() -> None:
    rule = resource("OriginalsBucket")["Properties"]["CorsConfiguration"]["CorsRules"][0]
    assert {"POST", "PUT", "DELETE"} <= set(rule["AllowedMethods"])
    assert {"ETag", "Location"} <= set(rule["ExposedHeaders"])


def test_plain_http_is_refused_everywhere() -> None:
    assert template()["Parameters"]["RequireTls"]["Default"] == "true"
    covered = {
        "OriginalsBucketPolicy": "OriginalsBucket",
        "DerivedBucketPolicy": "DerivedBucket",
        "IngestQueuePolicy": "IngestQueue",
        "DeadLetterQueuePolicy": "DeadLetterQueue",
        "MediaQueuePolicy": "MediaQueue",
        "ImportQueuePolicy": "ImportQueue",
        "ImportDeadLetterQueuePolicy": "ImportDeadLetterQueue",
        "WebhookQueuePolicy": "WebhookQueue",
        "WebhookDeadLetterQueuePolicy": "WebhookDeadLetterQueue",
    }
    kinds = ("AWS::S3::Bucket", "AWS::SQS::Queue")
    assert set(covered.values()) == {n for n, body in template()["Resources"].items() if body["Type"] in kinds}
    for policy, of in covered.items():
        statements = resolved(resource(policy)["Properties"]["PolicyDocument"]["Statement"], TlsOnly=True)
        (deny,) = [s for s in statements if s["Effect"] == "Deny"]
        assert deny["Principal"] == "*"
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert of in json.dumps(deny["Resource"])


def test_only_this_distribution_reads_renditions_and_gets_404_for_a_missing_one() -> None:
    statements = resolved(resource("DerivedBucketPolicy")["Properties"]["PolicyDocument"]["Statement"], TlsOnly=True)
    allowed = {s["Action"]: s for s in statements if s["Effect"] == "Allow"}
    assert set(allowed) == {"s3:GetObject", "s3:ListBucket"}
    for statement in allowed.values():
        assert "distribution/${Distribution}" in json.dumps(statement["Condition"]["StringEquals"]["AWS:SourceArn"])


@pytest.mark.parametrize(
    ("name", "function", "dead_letters"),
    [
        ("IngestQueue", "process", "DeadLetterQueue"),
        ("MediaQueue", "media", "DeadLetterQueue"),
        ("ImportQueue", "fetch", "ImportDeadLetterQueue"),
        ("WebhookQueue", "deliver", "WebhookDeadLetterQueue"),
    ],
)
def test_a_queue_hides_a_message_for_six_times_its_functions_timeout(
    name: str, function: str, dead_letters: str
) -> None:
    functions = json.loads((ROOT / ".chalice" / "config.json").read_text())["lambda_functions"]
    queue = resource(name)["Properties"]
    assert queue["VisibilityTimeout"] >= 6 * functions[function]["lambda_timeout"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == MAX_RECEIVES
    assert dead_letters in json.dumps(queue["RedrivePolicy"]["deadLetterTargetArn"])


def test_the_table_has_the_indexes_ttl_and_stream_that_the_catalog_needs() -> None:
    properties = resource("Table")["Properties"]
    indexes = {
        i["IndexName"]: ([k["AttributeName"] for k in i["KeySchema"]], i["Projection"]["ProjectionType"])
        for i in properties["GlobalSecondaryIndexes"]
    }
    assert indexes == {
        "by_created": (["list_pk", "list_sk"], "ALL"),
        "by_due": (["due_pk", "due_sk"], "KEYS_ONLY"),
        "by_sha256": (["sha_pk", "sha_sk"], "KEYS_ONLY"),
    }
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert properties["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert properties["BillingMode"] == "PAY_PER_REQUEST"


CONSOLE = ("/", "/console*", "/filemill.js")


@pytest.mark.parametrize("has_api", [True, False])
def test_no_path_to_the_bucket_is_open_without_a_signature_but_the_public_ones(has_api: bool) -> None:
    for path, behaviour in behaviours(HasApi=has_api).items():
        if behaviour["TargetOriginId"] in ("derived", "files") and path not in ("/f/public/*", *CONSOLE):
            assert behaviour["TrustedKeyGroups"] == [{"Ref": "KeyGroupId"}], path


def test_files_are_cached_by_their_path_alone_and_run_nothing() -> None:
    for path in ("/f/public/*", "/f/private/*"):
        assert behaviours()[path]["CachePolicyId"] == {"Ref": "FileCaching"}
        assert behaviours()[path]["Compress"] is False
        assert "POST" not in behaviours()[path]["AllowedMethods"]
    key = resource("FileCaching")["Properties"]["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]
    assert key["HeadersConfig"]["HeaderBehavior"] == "none"
    assert key["CookiesConfig"]["CookieBehavior"] == "none"
    assert key["QueryStringsConfig"]["QueryStringBehavior"] == "none"
    security = resource("FileHeaders")["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    csp = security["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    assert "default-src 'none'" in csp
    assert csp.endswith("sandbox")
    assert "script-src" not in csp


@pytest.mark.parametrize("has_api", [True, False])
def test_the_console_and_its_module_come_from_s3_compressed_and_past_the_function_that_knows_their_paths(
    has_api: bool,
) -> None:
    for path in CONSOLE:
        found = behaviours(HasApi=has_api)[path]
        assert found["TargetOriginId"] == "derived"
        assert found["AllowedMethods"] == ["GET", "HEAD"]
        assert found["Compress"] is True
        assert found["CachePolicyId"] == "658327ea-f89d-4fab-a63d-7e88639e58f6", "CachingOptimized"
        attached = {"EventType": "viewer-request", "FunctionARN": {"Fn::GetAtt": ["ConsolePaths", "FunctionARN"]}}
        assert found["FunctionAssociations"] == [attached]
        assert "TrustedKeyGroups" not in found
    statement = named(resource("DerivedBucketPolicy")["Properties"]["PolicyDocument"]["Statement"])
    assert [each["Fn::Sub"] for each in statement["ThisDistributionReads"]["Resource"]] == [
        "${DerivedBucket.Arn}/f/*",
        "${DerivedBucket.Arn}/console/*",
    ]


def named(statements: list[Any]) -> dict[str, Any]:
    return {each["Sid"]: each for each in statements if "Sid" in each}


def test_no_function_may_write_the_console_or_read_what_is_beside_the_renditions() -> None:
    """Functions parse hostile files. Who could write the page could have the keys that are typed into it."""
    seen = 0
    for name, body in template()["Resources"].items():
        if body["Type"] != "AWS::IAM::Role":
            continue
        for statement in statements_of(body):
            for action in statement["Action"]:
                if action.startswith("s3:") and "Object" in action:
                    for place in statement["Resource"]:
                        text = json.dumps(place)
                        if "DerivedBucket" in text:
                            seen += 1
                            assert "${DerivedBucket.Arn}/f/" in text, f"{name}: {statement['Sid']}"
    assert seen > 10


def statements_of(role: dict[str, Any]) -> list[Any]:
    """The statements of a role, those of conditions as well."""
    found = []
    for policy in role["Properties"]["Policies"]:
        for each in policy["PolicyDocument"]["Statement"]:
            found += [part for part in each.get("Fn::If", [each]) if isinstance(part, dict) and "Action" in part]
    return found


def test_the_console_runs_its_own_scripts_only() -> None:
    security = resource("ConsoleHeaders")["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    csp = security["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]
    said = {name: sources for name, _, sources in (each.strip().partition(" ") for each in csp.split(";"))}
    assert "unsafe" not in csp
    assert said["default-src"] == "'none'"
    assert said["script-src"] == said["style-src"] == "'self'"
    assert said["base-uri"] == said["form-action"] == said["frame-ancestors"] == "'none'"
    assert said["connect-src"] == "'self' ${FrontDoorOrigin} ${ConsoleConnects}"
    # The first view of a large rendition is led to S3.
    assert said["img-src"] == "'self' blob: data: ${FrontDoorOrigin} ${DerivedOrigin}"
    assert said["media-src"] == "'self' blob: ${FrontDoorOrigin} ${DerivedOrigin}"
    behaviour = behaviours(HasApi=True)
    assert behaviour["/"]["ResponseHeadersPolicyId"] == {"Ref": "ConsoleHeaders"}
    assert behaviour["/console*"]["ResponseHeadersPolicyId"] == {"Ref": "ConsoleHeaders"}


def test_pages_of_every_origin_may_import_the_module_and_get_nothing_else_of_the_console() -> None:
    config = resource("ModuleHeaders")["Properties"]["ResponseHeadersPolicyConfig"]
    assert config["CorsConfig"]["AccessControlAllowOrigins"] == {"Items": ["*"]}
    assert config["CorsConfig"]["AccessControlAllowCredentials"] is False
    assert behaviours(HasApi=True)["/filemill.js"]["ResponseHeadersPolicyId"] == {"Ref": "ModuleHeaders"}
    assert "CorsConfig" not in resource("ConsoleHeaders")["Properties"]["ResponseHeadersPolicyConfig"]


def test_the_console_may_upload_also_where_the_origins_are_named() -> None:
    """Its origin may be one of the named ones, and no list may have an origin twice. So it has a rule of its own."""
    cors = resource("OriginalsBucket")["Properties"]["CorsConfiguration"]
    (rule,) = resolved(cors, AddsOwnOrigin=False)["CorsRules"]
    assert rule["AllowedOrigins"] == {"Ref": "CorsOrigins"}
    first, own = resolved(cors, AddsOwnOrigin=True)["CorsRules"]
    assert first == rule
    assert own["AllowedOrigins"] == [{"Ref": "FrontDoorOrigin"}]
    differing = {"Id", "AllowedOrigins"}
    assert {**own, **{name: rule[name] for name in differing}} == rule, "it may do the same"


def test_a_viewer_who_is_sent_on_to_s3_may_read_also_where_the_origins_are_named() -> None:
    """The browser says `Origin: null` then. Without a signature an address of S3 gives nothing."""
    cors = resource("DerivedBucket")["Properties"]["CorsConfiguration"]
    (rule,) = resolved(cors, AnyOrigin=True)["CorsRules"]
    assert rule["AllowedOrigins"] == {"Ref": "CorsOrigins"}
    first, sent_on = resolved(cors, AnyOrigin=False)["CorsRules"]
    assert first == rule
    assert sent_on == {"Id": "sent-on", "AllowedOrigins": ["*"], "AllowedMethods": ["GET", "HEAD"]}


def test_with_an_api_all_but_files_goes_there_uncached_and_without_it_nothing_does() -> None:
    with_api = behaviours(HasApi=True)
    for path in ("/v1/*", "/s3/*", "*"):
        assert with_api[path]["TargetOriginId"] == "api"
        assert with_api[path]["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
        assert with_api[path]["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
        assert {"POST", "DELETE"} <= set(with_api[path]["AllowedMethods"])
    assert [o["Id"] for o in distribution(HasApi=False)["Origins"]] == ["derived"]
    assert "OriginGroups" not in distribution(HasApi=False)
    assert {b["TargetOriginId"] for b in behaviours(HasApi=False).values()} == {"derived"}


def test_with_a_websocket_api_ws_leads_to_its_stage_and_without_it_there_is_none() -> None:
    there = {"HasApi": True, "HasSocket": True}
    found = behaviours(**there)["/ws"]
    assert found["TargetOriginId"] == "socket"
    assert found["ViewerProtocolPolicy"] == "https-only", "a redirect would come after the key was sent unencrypted"
    assert found["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", "CachingDisabled"
    assert found["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac", "AllViewerExceptHostHeader"
    (attached,) = found["FunctionAssociations"]
    assert attached == {"EventType": "viewer-request", "FunctionARN": {"Fn::GetAtt": ["Socket", "FunctionARN"]}}
    (origin,) = (o for o in distribution(**there)["Origins"] if o["Id"] == "socket")
    assert origin["DomainName"] == {"Ref": "SocketDomain"}
    assert "OriginPath" not in origin, "a WebSocket API takes no path below its stage"
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    stage = resource("Socket")["Properties"]["FunctionCode"]["Fn::Sub"][0]
    assert "const STAGE = '${ApiStage}';" in stage
    assert "/ws" not in behaviours(HasApi=True)
    assert "socket" not in {o["Id"] for o in distribution(HasApi=True)["Origins"]}
    assert template()["Parameters"]["SocketDomain"]["Default"] == "", "a stage of a former release has none"


EVERYTHING = {"HasApi": True, "HasDomain": True, "HasWebAcl": True, "HasOriginShield": True, "HasAccessLogs": True}


@pytest.mark.parametrize("conditions", [{}, EVERYTHING])
def test_no_bucket_is_public(conditions: dict[str, bool]) -> None:
    resources = {name: resolved(body, TlsOnly=True, **conditions) for name, body in template()["Resources"].items()}
    for name, body in resources.items():
        if body["Type"] == "AWS::S3::Bucket":
            assert set(body["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}, name
            assert "WebsiteConfiguration" not in body["Properties"], name
            assert "AccessControl" not in body["Properties"], name
        if body["Type"] == "AWS::S3::BucketPolicy":
            for statement in body["Properties"]["PolicyDocument"]["Statement"]:
                assert statement["Effect"] == "Deny" or statement["Principal"] == {
                    "Service": "cloudfront.amazonaws.com"
                }
    assert "OriginalsBucket" not in json.dumps(distribution(**conditions)), "originals are never an origin"


@pytest.mark.parametrize("conditions", [{}, EVERYTHING])
def test_everything_goes_over_tls(conditions: dict[str, bool]) -> None:
    config = distribution(**conditions)
    for path, behaviour in behaviours(**conditions).items():
        assert behaviour["ViewerProtocolPolicy"] in ("https-only", "redirect-to-https"), path
    for origin in config["Origins"]:
        if "CustomOriginConfig" in origin:
            assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
            assert origin["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]
        else:
            assert origin["OriginAccessControlId"] == {"Fn::GetAtt": ["DerivedAccess", "Id"]}
    assert resource("DerivedAccess")["Properties"]["OriginAccessControlConfig"]["SigningBehavior"] == "always"
    if "HasDomain" in conditions:
        assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert config["HttpVersion"] == "http2and3"


@pytest.mark.parametrize("conditions", [{}, EVERYTHING])
def test_every_behaviour_has_a_headers_policy_that_forbids_guessing_types(conditions: dict[str, bool]) -> None:
    for path, behaviour in behaviours(**conditions).items():
        policy = resource(behaviour["ResponseHeadersPolicyId"]["Ref"])["Properties"]["ResponseHeadersPolicyConfig"]
        security = policy["SecurityHeadersConfig"]
        assert security["ContentTypeOptions"] == {"Override": True}, path
        assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31536000, path


def test_private_files_have_a_key_group() -> None:
    assert behaviours(HasApi=True)["/f/private/*"]["TrustedKeyGroups"] == [{"Ref": "KeyGroupId"}]
    assert "TrustedKeyGroups" not in behaviours(HasApi=True)["/f/public/*"]


@pytest.mark.parametrize("has_api", [True, False])
def test_files_have_the_function_at_both_viewer_events(has_api: bool) -> None:
    for path, behaviour in behaviours(HasApi=has_api).items():
        if path in CONSOLE:  # which has a function of its own
            continue
        attached = {a["EventType"]: a["FunctionARN"] for a in behaviour.get("FunctionAssociations", [])}
        arn = {"Fn::GetAtt": ["Negotiate", "FunctionARN"]}
        assert attached == ({"viewer-request": arn, "viewer-response": arn} if path.startswith("/f/") else {}), path
    function = resource("Negotiate")["Properties"]
    assert function["FunctionConfig"]["Runtime"] == "cloudfront-js-2.0"
    assert function["AutoPublish"] is True


@pytest.mark.parametrize("asks_function", [True, False])
def test_a_missing_file_is_asked_of_render_by_a_failover_that_only_reads(asks_function: bool) -> None:
    conditions = {"HasApi": True, "HasFunctionUrl": True, "AsksFunction": asks_function}
    config = distribution(**conditions)
    (group,) = config["OriginGroups"]["Items"]
    assert group["FailoverCriteria"]["StatusCodes"] == {"Quantity": 2, "Items": [403, 404]}
    assert [m["OriginId"] for m in group["Members"]["Items"]] == ["derived", "render"]
    for path in ("/f/public/*", "/f/private/*"):
        assert behaviours(**conditions)[path]["TargetOriginId"] == group["Id"]
    origins = {o["Id"]: o for o in config["Origins"]}
    assert "EdgeSecret" not in json.dumps(origins["api"]), "a viewer's request must not carry the secret"


def url_of(function: str) -> dict[str, Any]:
    """The URL of a function and its two permissions, with what must be so of each."""
    name = function.capitalize()
    url: dict[str, Any] = resource(f"{name}Url")["Properties"]
    assert url["AuthType"] == "AWS_IAM"
    permissions = [resource(each)["Properties"] for each in (f"{name}UrlPermission", f"{name}Permission")]
    assert {p["Action"] for p in permissions} == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    for permission in permissions:
        assert permission["Principal"] == "cloudfront.amazonaws.com"
        assert permission["SourceArn"]["Fn::Sub"].endswith("distribution/${Distribution}")
        assert permission["FunctionName"] == url["TargetFunctionArn"]
    return url


def test_render_is_asked_by_its_url_which_only_this_distribution_may_call() -> None:
    config = distribution(HasApi=True, HasFunctionUrl=True, AsksFunction=True)
    (origin,) = [o for o in config["Origins"] if o["Id"] == "render"]
    assert origin["DomainName"] == {
        "Fn::Select": [2, {"Fn::Split": ["/", {"Fn::GetAtt": ["RenderUrl", "FunctionUrl"]}]}]
    }
    assert origin["OriginAccessControlId"] == {"Fn::GetAtt": ["RenderAccess", "Id"]}
    assert "OriginPath" not in origin
    assert "OriginCustomHeaders" not in origin
    access = resource("RenderAccess")["Properties"]["OriginAccessControlConfig"]
    assert (access["OriginAccessControlOriginType"], access["SigningBehavior"]) == ("lambda", "always")
    assert url_of("render")["TargetFunctionArn"]["Fn::Sub"].endswith(":function:${App}-${Stage}-render")
    permissions = [b for b in template()["Resources"].values() if b["Type"] == "AWS::Lambda::Permission"]
    assert len(permissions) == 4, "two for each function with a URL"


STREAMS = {"HasApi": True, "HasFunctionUrl": True, "AsksFunction": True, "HasMedia": True, "HasStream": True}


def test_stream_is_asked_by_its_url_for_what_lies_below_av_alone() -> None:
    config = distribution(**STREAMS)
    origins = {o["Id"]: o for o in config["Origins"]}
    assert origins["stream"]["DomainName"] == {
        "Fn::Select": [2, {"Fn::Split": ["/", {"Fn::GetAtt": ["StreamUrl", "FunctionUrl"]}]}]
    }
    ours = {name: value for name, value in origins["stream"].items() if name not in ("Id", "DomainName")}
    assert ours == {name: value for name, value in origins["render"].items() if name not in ("Id", "DomainName")}
    assert url_of("stream")["TargetFunctionArn"]["Fn::Sub"].endswith(":function:${App}-${Stage}-stream")
    files, media = config["OriginGroups"]["Items"]
    assert config["OriginGroups"]["Quantity"] == 2
    assert {**files, "Id": "media", "Members": media["Members"]} == media
    assert [m["OriginId"] for m in media["Members"]["Items"]] == ["derived", "stream"]
    found = behaviours(**STREAMS)
    for visibility in ("public", "private"):
        below, above = found[f"/f/{visibility}/*/av/*"], found[f"/f/{visibility}/*"]
        assert {**above, "PathPattern": below["PathPattern"], "TargetOriginId": "media"} == below
    paths = [each["PathPattern"] for each in config["CacheBehaviors"]]
    assert paths.index("/f/private/*/av/*") < paths.index("/f/public/*"), "CloudFront takes the first that matches"


@pytest.mark.parametrize("missing", ["HasStream", "HasApi"])
def test_without_the_function_stream_nothing_else_is_changed(missing: str) -> None:
    """Before the first `chalice deploy`, and on a stage without media, which has neither API nor function yet."""
    present = {**STREAMS, missing: False, "HasStream": False}
    said = json.dumps(distribution(**present))
    assert "Stream" not in said
    assert "/av/*" not in said
    if present["HasApi"]:
        assert distribution(**present)["OriginGroups"]["Quantity"] == 1
    for name in ("StreamUrl", "StreamUrlPermission", "StreamPermission", "StreamAhead"):
        assert resource(name)["Condition"] == "HasStream"
    assert template()["Conditions"]["HasStream"] == {
        "Fn::And": [
            {"Condition": "HasApi"},
            {"Condition": "HasMedia"},
            {"Fn::Equals": [{"Ref": "Streams"}, "true"]},
        ]
    }


def test_a_run_that_looks_ahead_is_started_in_time_or_never() -> None:
    said = resource("StreamAhead")["Properties"]
    assert said["MaximumEventAgeInSeconds"] == missing.LATE
    assert said["MaximumRetryAttempts"] == 0
    assert said["FunctionName"]["Fn::Sub"].endswith("-stream")


def test_a_url_and_its_permissions_are_there_before_the_distribution_asks() -> None:
    """`make deploy` of a stage of a former release makes them first, and lets the distribution ask afterwards."""
    for name in ("RenderUrl", "RenderUrlPermission", "RenderPermission"):
        assert template()["Resources"][name]["Condition"] == "HasFunctionUrl"
    said = json.dumps(template()["Conditions"])
    assert '"HasFunctionUrl": {"Fn::And": [{"Condition": "HasApi"}' in said
    assert (
        '"AsksFunction": {"Fn::And": [{"Condition": "HasApi"}, {"Fn::Equals": [{"Ref": "OnDemand"}, "function"]}'
        in said
    )


def test_until_then_the_api_is_asked_which_knows_cloudfront_by_a_header() -> None:
    origins = {o["Id"]: o for o in distribution(HasApi=True)["Origins"]}
    assert origins["render"]["OriginPath"] == {"Fn::Sub": "/${ApiStage}/render"}
    assert "OriginAccessControlId" not in origins["render"]
    headers = {h["HeaderName"]: h["HeaderValue"] for h in origins["render"]["OriginCustomHeaders"]}
    assert set(headers) == {"X-Filemill-Edge", "Accept"}
    assert headers["X-Filemill-Edge"] == {"Ref": "EdgeSecret"}
    assert headers["Accept"] in BINARY_TYPES, "or API Gateway would answer in Base64"


def test_the_apis_know_a_request_through_the_front_door_by_another_secret_than_opens_renditions() -> None:
    """Each viewer's request has it. A viewer must not get past the signatures by asking for `/render/f/private/…`."""
    origins = {o["Id"]: o for o in distribution(HasApi=True, HasSocket=True)["Origins"]}
    for name in ("api", "socket"):
        assert origins[name]["OriginCustomHeaders"] == [
            {"HeaderName": "X-Filemill-Door", "HeaderValue": {"Ref": "DoorSecret"}}
        ]
    others = json.dumps([origin for name, origin in origins.items() if name not in ("api", "socket")])
    assert "DoorSecret" not in others


def test_the_function_is_put_into_the_template_and_both_fit_their_bounds() -> None:
    body = read(ROOT)
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html ("Template body size")
    assert len(compact(parsed(body)).encode()) <= LIMIT
    assert "file://" not in body
    document, problems = decode_str(body)
    assert not problems
    code = (ROOT / "edge" / "negotiate.js").read_text()
    assert "${" not in code, "CloudFormation would take it for a reference"
    text, values = document["Resources"]["Negotiate"]["Properties"]["FunctionCode"]["Fn::Sub"]
    assert values == {"Code": code}
    placed = text.replace("${Code}", code).replace("${AddressKey}", KEY)
    assert placed == CODE, "as the function's own tests have it"
    assert len(placed.encode()) <= 10 * 1024


def test_a_function_that_is_missing_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / ".chalice").mkdir()
    with pytest.raises(OpsError, match=r"no .*resources\.yaml"):
        read(tmp_path)
    (tmp_path / ".chalice" / "resources.yaml").write_text("  FunctionCode: file://edge/a.js\n")
    with pytest.raises(OpsError, match=r"names .*edge/a\.js, which is missing"):
        read(tmp_path)


def test_what_is_off_until_asked_for() -> None:
    assert "Logging" not in distribution()
    assert "OriginShield" not in json.dumps(distribution(HasApi=True))
    assert distribution(**EVERYTHING)["Logging"]["IncludeCookies"] is False
    shields = {o["Id"]: o.get("OriginShield", {}).get("Enabled") for o in distribution(**EVERYTHING)["Origins"]}
    assert shields == {"derived": True, "render": True, "api": None}


def test_a_key_sent_over_plain_http_is_refused_rather_than_redirected() -> None:
    for path in ("/v1/*", "/s3/*"):
        assert behaviours(HasApi=True)[path]["ViewerProtocolPolicy"] == "https-only"


def test_an_error_is_never_cached_since_the_apis_cache_key_holds_no_credential() -> None:
    errors = {e["ErrorCode"]: e["ErrorCachingMinTTL"] for e in distribution()["CustomErrorResponses"]}
    # What CloudFront would cache by itself: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/
    # HTTPStatusCodes.html
    assert set(errors) >= {404, 414, 500, 501, 502, 503, 504}
    assert set(errors.values()) == {0}


def test_credentials_cross_origins_only_when_the_origins_are_named() -> None:
    cors = resource("FileHeaders")["Properties"]["ResponseHeadersPolicyConfig"]["CorsConfig"]
    assert resolved(cors, AnyOrigin=True)["AccessControlAllowCredentials"] is False
    assert resolved(cors, AnyOrigin=False)["AccessControlAllowCredentials"] is True


def test_names_that_are_unique_in_an_account_hold_stage_and_region() -> None:
    for name, config in {
        "DerivedAccess": "OriginAccessControlConfig",
        "RenderAccess": "OriginAccessControlConfig",
        "FileCaching": "CachePolicyConfig",
        "FileHeaders": "ResponseHeadersPolicyConfig",
        "AppHeaders": "ResponseHeadersPolicyConfig",
        "ConsoleHeaders": "ResponseHeadersPolicyConfig",
        "ModuleHeaders": "ResponseHeadersPolicyConfig",
    }.items():
        assert "${Stage}-${AWS::Region}" in resource(name)["Properties"][config]["Name"]["Fn::Sub"]


def alarms() -> dict[str, Any]:
    resources = template()["Resources"].items()
    return {name: body["Properties"] for name, body in resources if body["Type"] == "AWS::CloudWatch::Alarm"}


def anchors() -> set[str]:
    """The anchors of docs/operations.md: those that GitHub makes of the headings, and those that are written out."""
    text = (ROOT / "docs" / "operations.md").read_text()
    titles = [line.lstrip("#").strip().lower() for line in text.splitlines() if line.startswith("#")]
    made = {re.sub(r"[^\w -]", "", title).replace(" ", "-") for title in titles}
    return made | set(re.findall(r'<a id="([\w-]+)">', text))


def test_every_alarm_leads_to_its_entry_in_the_runbook_and_tells_the_topic() -> None:
    for name, alarm in alarms().items():
        text = alarm["AlarmDescription"]["Fn::Sub"]
        assert text.startswith("Filemill ${Stage}: "), name
        assert text.rpartition("docs/operations.md#")[2] in anchors(), name
        assert resolved(alarm["AlarmActions"], HasAlarmTopic=True) == [{"Ref": "AlarmTopicArn"}], name


# The entries of the runbook to which alarms lead that are deployed with a former version.
FORMER = (
    "apilatencyalarm",
    "errors-and-throttles",
    "givenupalarm",
    "missingalarm",
    "stalledalarm",
    "sweepbacklogalarm",
    "sweeptroublealarm",
    "unownedalarm",
)


def test_alarms_of_a_former_version_lead_to_the_runbook_too() -> None:
    assert set(FORMER) <= anchors()


def test_silence_is_good_news_but_of_the_sweep() -> None:
    for name, alarm in alarms().items():
        assert alarm["TreatMissingData"] == ("missing" if name == "SweepAlarm" else "notBreaching"), name


def test_the_sweeps_alarm_tells_of_silence_but_not_at_its_own_birth() -> None:
    """An alarm is born in INSUFFICIENT_DATA, and its actions follow a change of state."""
    for name, alarm in alarms().items():
        told = resolved(alarm.get("InsufficientDataActions", []), HasAlarmTopic=True)
        assert told == ([{"Ref": "AlarmTopicArn"}] if alarm["TreatMissingData"] == "missing" else []), name


def test_no_more_alarm_metrics_than_are_free() -> None:
    """Ten are, of alarms that name their metric (https://aws.amazon.com/cloudwatch/pricing/).

    Films have one alarm and two metrics more, on stages that have media.
    """
    assert all("MetricName" in alarm and "Metrics" not in alarm for alarm in alarms().values())
    of_films = {name for name, alarm in template()["Resources"].items() if alarm.get("Condition") == "HasMedia"}
    assert len(alarms().keys() - of_films) <= 10
    assert alarms().keys() & of_films == {"SlowSegmentsAlarm"}
    assert len({*Metric} - {Metric.SEGMENT_SHARE, Metric.STALLS_AVOIDED}) <= 10


# The alarms that ring when a function fails, or may not run, again and again.
RINGS: dict[str, set[str]] = {
    "api_handler": {"ServerErrorAlarm"},
    "process": {"IngestAgeAlarm", "DeadLetterAlarm"},
    "media": {"DeadLetterAlarm"},
    "fetch": {"ImportAgeAlarm", "ImportDeadLetterAlarm"},
    "index": {"IndexLagAlarm"},
    "render": {"ServerErrorAlarm"},
    "stream": {"SlowSegmentsAlarm"},
    "sweep": {"SweepAlarm"},
    "publish": {"PublishLagAlarm"},
    "deliver": {"WebhookDeadLetterAlarm"},
    # A socket that does not open, or gets no answer, is tried again by its client. docs/metrics.md says so.
    **{function: set() for function in SOCKET_FUNCTIONS},
}


def test_every_function_that_fails_rings_an_alarm_and_no_alarm_rings_for_nothing() -> None:
    functions = json.loads((ROOT / ".chalice" / "config.json").read_text())["lambda_functions"]
    assert set(RINGS) == set(functions)
    assert set().union(*RINGS.values()) | {"TroubleAlarm"} == set(alarms())
    queues = {
        "process": ("IngestQueue", "DeadLetterQueue"),
        "media": ("DeadLetterQueue",),
        "fetch": ("ImportQueue", "ImportDeadLetterQueue"),
        "deliver": ("WebhookDeadLetterQueue",),
    }
    for function, names in RINGS.items():
        watched = json.dumps([alarms()[name]["Dimensions"] for name in sorted(names)])
        for queue in queues.get(function, ()):
            assert f'"{queue}", "QueueName"' in watched, function
    for function, name in (("index", "IndexLagAlarm"), ("publish", "PublishLagAlarm")):
        assert alarms()[name]["MetricName"] == "IteratorAge"
        assert f"filemill-${{Stage}}-{function}" in json.dumps(alarms()[name]["Dimensions"])


def test_each_dead_letter_queue_has_an_alarm() -> None:
    queues = {name: body["Properties"] for name, body in template()["Resources"].items() if "Queue" in body["Type"]}
    dead = {
        queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for queue in queues.values()
        if "RedrivePolicy" in queue
    }
    assert len(dead) == 3
    watched = [json.dumps(each["Dimensions"]) for each in alarms().values() if "NumberOfMessages" in each["MetricName"]]
    assert all(any(f'"{queue}", "QueueName"' in each for each in watched) for queue in dead)


def test_the_charts_of_errors_and_throttles_have_every_function() -> None:
    names = {f"filemill-${{Stage}}{'' if name == 'api_handler' else f'-{name}'}" for name in FUNCTIONS}
    for title in ("Errors", "Throttles"):
        (metrics,) = [found for name, found in charts() if name == title]
        assert {metric[-1] for metric in metrics} == names, title


def test_our_own_metrics_are_those_that_an_alarm_or_a_chart_of_the_stack_reads() -> None:
    ours = {name: alarm for name, alarm in alarms().items() if alarm["Namespace"] == "Filemill"}
    for name, alarm in ours.items():
        values = {each["Name"]: each["Value"] for each in alarm["Dimensions"]}
        assert values == {"service": SERVICE, "stage": {"Ref": "Stage"}}, name
    shown = re.findall(r'"(\w+)"', json.dumps([metrics for _, metrics in charts() if metrics[0][0] == "Filemill"]))
    used = {alarm["MetricName"] for alarm in ours.values()} | set(shown) - {"Filemill", "service", "filemill", "stage"}
    assert used == {str(metric) for metric in Metric}, "AWS bills each metric, so one that nobody reads is not written"


def charts() -> list[tuple[str, Any]]:
    """(title, metrics) of the dashboard's charts."""
    body, _ = resource("StageDashboard")["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = [each["properties"] for each in json.loads(body)["widgets"] if each["type"] == "metric"]
    return [(each["title"], each["metrics"]) for each in widgets]


def test_the_dashboard_shows_what_its_log_lines_have() -> None:
    body, _ = resource("StageDashboard")["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(body)["widgets"]
    assert len({(each["x"], each["y"]) for each in widgets}) == len(widgets) == 15
    (query,) = [each["properties"]["query"] for each in widgets if each["type"] == "log"]
    source = (ROOT / "chalicelib/processing/pipeline.py").read_text()
    for name in ("file processed", "outcome", "kind", "size", "took_ms", "waited_ms"):
        assert name in query
        assert f'"{name}"' in source


def test_a_budget_is_made_only_with_a_topic_to_tell() -> None:
    assert resource("Budget")["Condition"] == "HasBudget"
    assert template()["Rules"]["BudgetNeedsTopic"]["RuleCondition"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "MonthlyBudget"}, 0]}]
    }
