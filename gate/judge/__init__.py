"""What the facts mean: findings by one check a family, and the verdict that they fold to. Pure."""
