"""Networks: backbones, heads, freezing and preprocessing."""
