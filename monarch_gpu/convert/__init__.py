"""Published weights read into the models of this package: one layout per file; put a new one here, and all know it.

A layout is data: a table of names, and a table of what its configuration must say. `convert` reads the file, maps
every tensor, and refuses by name what is missing, what is left over, and what these models cannot honour.
"""

from monarch_gpu.convert.conversion import Conversion, Receipt, convert, convert_tensors
from monarch_gpu.convert.layout import Layout, Row, layouts_here

__all__ = ["LAYOUTS", "Conversion", "Layout", "Receipt", "Row", "convert", "convert_tensors"]

LAYOUTS = layouts_here()
