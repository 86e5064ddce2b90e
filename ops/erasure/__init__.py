"""The end of a tenant: everything that it has is exported, or erased, with a proof that nothing is left."""
