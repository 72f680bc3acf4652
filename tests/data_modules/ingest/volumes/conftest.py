from tests.helpers.volumes import files, volumes

__all__ = ["files", "volumes"]
