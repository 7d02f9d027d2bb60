"""How good, how far, and where a model looked: figures that know no model."""
