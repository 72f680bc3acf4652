"""What of a folder would tell who a patient is, before it leaves the machine: places are told, identifiers never."""
