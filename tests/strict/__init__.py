"""Every request that the tests make is held to AWS's documented rules, also to those that mocks and emulators skip.

`watching` looks at the requests, `dynamodb`, `s3` and `sqs` have the rules. A request that breaks one fails its test.
"""
