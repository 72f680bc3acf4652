"""How good the model is where modalities are missing."""
