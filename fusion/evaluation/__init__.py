"""How well each arm predicts, how sure that is, and whether fusion earned its place."""
