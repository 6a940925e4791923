"""The decoder in C++ for the processor: compiled on first use, called through ctypes, no torch inside.

`decoder` is its face, `packing` lays the weights out for it, `build` compiles it.
"""

from .decoder import NativeDecoder as NativeDecoder
