"""Heads: the fused vector in, an outcome out. A head owns its loss, its score and its metrics."""
