"""The HTTP API's routes: one module a resource, with the models of its requests beside them."""
