"""A seeded sample world: deliveries shaped as their producers write them, with known truth."""
