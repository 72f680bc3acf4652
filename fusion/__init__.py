"""Attention fusion of histology, radiology, variants and tables for therapy response in oncology.

Importing this package imports nothing heavy: torch, monai, hail and the rest load where they are used.
"""

__version__ = "0.1.0"
