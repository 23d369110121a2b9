"""Letters of many texts at once, as bytes: what a regular expression does value by value, in a few passes over all.

Only texts of ASCII are read so; every other goes the way of the engine's expression, which says the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes: TypeAlias = NDArray[np.uint8]

DIGIT, LETTER = ord("9"), ord("a")


def patterns(texts: pa.Array) -> pa.Array:
    """How texts of ASCII are written: runs of digits as `9`, of letters as `a`, the rest as it is.

    >>> patterns(pa.array(["O-17 ab", "", "3.50", "aa9a"])).to_pylist()
    ['a-9 a', '', '9.9', 'a9a']
    """
    import numpy as np

    letters, starts = _letters(texts)
    classes = np.arange(256, dtype=np.uint8)
    classes[[*range(ord("0"), ord("9") + 1)]] = DIGIT
    classes[[*range(ord("a"), ord("z") + 1), *range(ord("A"), ord("Z") + 1)]] = LETTER
    written = classes[letters]
    stays = np.ones(written.size, bool)
    stays[1:] = (written[1:] != written[:-1]) | ((written[1:] != DIGIT) & (written[1:] != LETTER))
    stays[starts[:-1][starts[:-1] < written.size]] = True
    return _some(written, starts, stays)


def beginnings(texts: pa.Array, most: int) -> NDArray[np.int64]:
    r"""The first letters and digits of texts of ASCII, in lower case, without what stands between them: as a number.

    Args:
        texts: of ASCII, none is null.
        most: how many, up to seven: each is a byte, the first one the lowest.

    >>> [n.to_bytes(3, "little") for n in beginnings(pa.array(["O-17", "--", "a b"]), 3).tolist()]
    [b'o17', b'\x00\x00\x00', b'ab\x00']
    """
    import numpy as np

    letters, starts = _letters(texts)
    plain = np.zeros(256, np.uint8)
    for code in (*range(ord("0"), ord("9") + 1), *range(ord("a"), ord("z") + 1)):
        plain[[code, ord(chr(code).upper())]] = code
    written = plain[letters]
    met = np.r_[0, np.cumsum(written > 0, dtype=np.int32)]
    before = np.repeat(met[starts[:-1]], np.diff(starts))
    place = met[1:] - before - 1
    stays = (written > 0) & (place < most)
    shares = np.r_[0, np.cumsum(np.where(stays, written.astype(np.int64) << (8 * np.where(stays, place, 0)), 0))]
    told: NDArray[np.int64] = np.diff(shares[starts])  # sums that overflow still differ by what was added
    return told


def _letters(texts: pa.Array) -> tuple[Bytes, NDArray[np.int32]]:
    """All letters, and where each text starts, and at last ends."""
    import numpy as np

    _valid, offsets, data = texts.buffers()
    places = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    letters = np.frombuffer(data or b"", np.uint8)[places[0] : places[-1]]
    return letters, places - places[0]


def _some(letters: Bytes, starts: NDArray[np.int32], stays: NDArray[np.bool_]) -> pa.Array:
    """The texts with those of their letters that stay."""
    import numpy as np

    before = np.r_[0, np.cumsum(stays, dtype=np.int32)].astype(np.int32)
    offsets = np.ascontiguousarray(before[starts])
    return pa.StringArray.from_buffers(starts.size - 1, pa.py_buffer(offsets), pa.py_buffer(letters[stays]))
