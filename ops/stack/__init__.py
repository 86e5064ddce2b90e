"""A stage's CloudFormation stack, and what of a stage neither it nor Chalice can say."""
