"""PDFNet: both hands of one image from colour and depth (Ren and Zhu, 2023)."""
