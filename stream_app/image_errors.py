"""Why there is no picture: what is wrong with it for good, and what may pass.

An `ImageError` says the same on every try, so nobody retries it. A `StorageUnavailableError` is
about object storage, not about the picture.
"""

__all__ = [
    "BucketNotAllowedError",
    "ImageError",
    "MissingObjectError",
    "RefusedObjectError",
    "StorageUnavailableError",
    "TooManyBytesError",
    "TooManyPixelsError",
    "UndecodableImageError",
    "UnsupportedFormatError",
]


class ImageError(Exception):
    """The picture can't be had, and trying again won't change that."""


class BucketNotAllowedError(ImageError):
    """The bucket is not among those that this deployment reads."""


class MissingObjectError(ImageError):
    """There is no such object, or no such bucket."""


class RefusedObjectError(ImageError):
    """Object storage answered, but refuses the request: rights, keys, an impossible name."""


class TooManyBytesError(ImageError):
    """The object is larger than what is read."""


class TooManyPixelsError(ImageError):
    """The picture would decode to more pixels than is allowed: perhaps a decompression bomb."""


class UnsupportedFormatError(ImageError):
    """The bytes are not a picture in one of the formats that are read."""


class UndecodableImageError(ImageError):
    """The bytes begin like a picture, but are cut off or broken."""


class StorageUnavailableError(Exception):
    """Object storage can't be reached, is too slow or fails: the same request may pass later."""
