"""Reports as print-ready HTML and SVG, in English and Chinese."""
