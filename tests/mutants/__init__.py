"""Do the tests notice? A fixed sample of small faults, each planted in a copy of the code for its room's tests to find.

`make mutants` runs it; rooms.toml says which tests belong to which room, and equivalents.toml which faults change
nothing that can be seen. None of the kept tools fits (looked at: mutmut 3.8, cosmic-ray 8.7, mutatest 3.1):

- mutmut keeps all variants of a function in one module, behind a switch, and so leaves decorated functions (our routes
  and validators) and data (recipes, keys, tables of states) alone. It takes no sample, and it first runs all tests.
- cosmic-ray edits the files where they are, has one test command for all modules, and takes no sample. What would be
  needed around it (copies, rooms, sample, equivalents, report) is more code than the planting itself, and it brings
  SQLAlchemy, aiohttp and a dozen more packages.
- mutatest has had no release since 2022, and reads no syntax of Python 3.12 and later.
- None of them reads JavaScript, or words inside DynamoDB's expressions, where a fault loses data.
"""
