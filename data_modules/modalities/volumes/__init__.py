"""The modality of radiology volumes."""
