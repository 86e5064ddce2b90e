"""DynamoDB. Only this room knows keys, indexes and expressions; docs/scale.md lists the access patterns."""
