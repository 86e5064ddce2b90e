"""The answers of an account in which nothing is in the way of a stage `dev`."""

from __future__ import annotations

from typing import Any

from tests.scripted import ACCOUNT, Failure

USER = f"arn:aws:iam::{ACCOUNT}:user/deployer"


def nothing_in_the_way() -> dict[str, Any]:
    limit = {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000, "TotalCodeSize": 80_530_636_800}
    missing = Failure("ResourceNotFoundException", 404)
    return {
        "sts.GetCallerIdentity": {"Account": ACCOUNT, "Arn": USER, "UserId": "U"},
        "iam.SimulatePrincipalPolicy": {"EvaluationResults": []},
        "iam.GetAccountSummary": {"SummaryMap": {"Roles": 10, "RolesQuota": 1000}},
        "lambda.GetAccountSettings": {"AccountLimit": limit, "AccountUsage": {"TotalCodeSize": 0}},
        "lambda.GetFunctionConcurrency": missing,
        "lambda.GetFunctionConfiguration": missing,
        "cloudformation.DescribeStacks": no_such_stack,
        "cloudformation.DescribeType": {"TypeName": "any"},
        "cloudfront.ListDistributions": {"DistributionList": {"Items": [{"Id": "E1", "Aliases": {"Quantity": 0}}]}},
        "cloudfront.ListCachePolicies": {"CachePolicyList": {"Items": []}},
        "cloudfront.ListResponseHeadersPolicies": {"ResponseHeadersPolicyList": {"Items": []}},
        "cloudfront.ListOriginAccessControls": {"OriginAccessControlList": {"Items": []}},
        "cloudfront.ListFunctions": {"FunctionList": {"Items": []}},
        "cloudfront.ListKeyGroups": {"KeyGroupList": {"Items": []}},
        "cloudfront.ListPublicKeys": {"PublicKeyList": {"Items": []}},
        "s3.ListBuckets": {"Buckets": []},
        "s3.HeadBucket": Failure("404", 404),
        "dynamodb.ListTables": {"TableNames": []},
        "apigateway.GetRestApis": {"items": []},
        "apigatewayv2.GetApis": {"Items": []},
        "events.ListRules": {"Rules": []},
        "events.ListEventBuses": {"EventBuses": [{"Name": "default"}]},
        "events.DescribeEventBus": Failure("ResourceNotFoundException"),
    }


def no_such_stack(request: dict[str, Any]) -> Any:
    """DescribeStacks with a name fails for a stack that is not there; without one it lists all."""
    if "StackName" not in request:
        return {"Stacks": []}
    return Failure("ValidationError", message=f"Stack with id {request['StackName']} does not exist")
