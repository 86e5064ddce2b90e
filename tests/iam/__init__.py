"""What IAM would say to each AWS call that the tests see: calls, the rights that they need, and who makes them."""
