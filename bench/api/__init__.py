"""`python -m bench api`: the CPU that the API's function needs for a request, against an earlier revision."""
