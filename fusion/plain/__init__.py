"""Plain models of tabulated features: where the fused score starts from."""
