"""`ops adopt`: objects of another bucket in the account become files. command is where it begins.

source lists the objects and looks at each, naming gives the file its name and metadata, copying has S3 copy the bytes,
adopting does it all for one object, run for all of them, and estimate says beforehand what it costs.
"""
