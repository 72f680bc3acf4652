"""What is compared on the same folds: the fused model, each modality alone, classical models, late fusion."""
