"""How good scores of some patients are, in every draw: what subgroups and missing modalities are measured by."""
