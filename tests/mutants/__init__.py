"""Do the tests notice? A fixed sample of small faults, each planted in a copy of the code for its room's tests to find.

`make mutants` runs it; rooms.toml says which tests belong to which room, and equivalents.toml which faults change
nothing that can be seen. The kept tools were looked at, and none fits:

- mutmut 3.8 keeps all variants of a function in one module, behind a switch, and so leaves decorated functions (our
  routes and validators) and data outside of functions (keys, tables of states) alone. It takes no sample.
- cosmic-ray 8.7 edits files where they are, has one test command for all modules, and takes no sample. What it would
  need around it (copies, rooms, sample, equivalents, report) is most of what is here, and it brings thirteen packages,
  SQLAlchemy and aiohttp among them.
- mutatest 3.1 takes a sample by a seed. It is made for Python 3.7 and 3.8 (2022), and needs a coverage older than 6.
- None of them reads JavaScript, or the words of DynamoDB's expressions, where a fault loses data.
"""
