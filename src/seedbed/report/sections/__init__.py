"""The sections of a report, one file each: a function from the evidence to blocks, [] where the section does not apply."""
